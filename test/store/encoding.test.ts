import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Event, EventRecord } from '../../gen/leat/v1/event.js';
import { PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import { readEventKey } from '../../src/store/encoding/event-fields.js';
import {
  enterEvent,
  readAuthor,
  readCommitTime,
  recordEntrySize,
  writeRecordEntry,
} from '../../src/store/encoding/event-record.js';
import { encodeEventRun, nextInRun } from '../../src/store/encoding/event-run.js';
import { sameEvent } from '../../src/store/encoding/same-event.js';
import { WireReader, varintSize, writeVarint } from '../../src/store/encoding/wire.js';
import { joined, lenField, unknownChunks, varintField, withLongTag } from '../support/wire-chunks.js';

const safe = fc.oneof(
  fc.maxSafeNat(),
  fc.integer({ min: 0, max: 53 }).map((bits) => 2 ** bits - (bits > 52 ? 1 : 0)),
);

function varintBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(varintSize(value));
  expect(writeVarint(bytes, 0, value)).toBe(bytes.length);
  return bytes;
}

describe('varints', () => {
  it('are written as protobuf writes them', () => {
    const property = fc.property(safe, (value) =>
      expect(varintBytes(value)).toEqual(new BinaryWriter().uint64(value).finish()),
    );
    fc.assert(property);
  });

  it('are read as protobuf reads them, wherever they stand, and the reader stands behind them', () => {
    const property = fc.property(fc.array(safe, { maxLength: 20 }), fc.nat(9), (values, before) => {
      const written = values.reduce((writer, value) => writer.uint64(value), new BinaryWriter()).finish();
      const bytes = joined([new Uint8Array(before).fill(0xff), written, Uint8Array.of(0xff)]);
      const reader = new WireReader(bytes, before, bytes.length - 1);
      expect(values.map(() => reader.varint())).toEqual(values);
      expect(reader.pos).toBe(reader.end);
    });
    fc.assert(property);
  });

  it('are refused when they are cut short, too large for a number, or endless', () => {
    const refuse = (bytes: Uint8Array, end = bytes.length) =>
      expect(() => new WireReader(bytes, 0, end).varint()).toThrow(expect.objectContaining({ name: 'MalformedBytes' }));
    fc.assert(
      fc.property(safe, fc.nat(7), (value, cut) => refuse(varintBytes(value), Math.min(cut, varintSize(value) - 1))),
    );
    const large = fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n });
    fc.assert(fc.property(large, (value) => refuse(new BinaryWriter().uint64(value).finish())));
    refuse(new Uint8Array(11).fill(0x80));
  });
});

describe('fields', () => {
  const chunks = fc.array(fc.oneof(unknownChunks, fc.constant(varintField(7, 2n ** 64n - 1n))), { maxLength: 8 });

  it('are passed over exactly as protobuf passes over them', () => {
    const property = fc.property(chunks, (fields) => {
      const bytes = joined(fields);
      const [ours, theirs] = [new WireReader(bytes), new BinaryReader(bytes)];
      for (const _ of fields) {
        const [number, wireType] = theirs.tag();
        expect(ours.tag()).toBe(((number << 3) | wireType) >>> 0);
        theirs.skip(wireType, number);
        ours.skip(wireType);
        expect(ours.pos).toBe(theirs.pos);
      }
    });
    fc.assert(property);
  });

  it('are refused when they are cut at any byte', () => {
    const property = fc.property(unknownChunks, fc.nat(), (field, at) => {
      const reader = new WireReader(field, 0, at % field.length);
      expect(() => reader.skip(reader.tag() & 7)).toThrow(expect.objectContaining({ name: 'MalformedBytes' }));
    });
    fc.assert(property);
  });

  it.each([
    ['number 0', [0x02, 0x00]],
    ['a tag of six bytes', [0x8a, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00]],
    ['a tag above 32 bits', [0x8a, 0x80, 0x80, 0x80, 0x10, 0x00]],
    ['a length of six bytes', [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ['a length beyond the end', [0x0a, 0x02, 0x00]],
    ['a number above 64 bits', [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]],
    ['a number of eleven bytes', [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ['a group', [0x0b, 0x0c]],
    ['the end of a group', [0x0c]],
    ['wire type 6', [0x0e, 0x00]],
    ['wire type 7', [0x0f, 0x00]],
  ])('are refused with %s, which not every decoder takes', (_, bytes) => {
    const reader = new WireReader(Uint8Array.from(bytes));
    expect(() => reader.skip(reader.tag() & 7)).toThrow(expect.objectContaining({ name: 'MalformedBytes' }));
  });
});

describe('runs', () => {
  const elements = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });

  it('are the events of a request, as protobuf encodes them, and give back each element', () => {
    const property = fc.property(elements, (events) => {
      const { bytes, count } = encodeEventRun(events);
      expect(bytes).toEqual(joined(events.map((event) => lenField(1, event))));
      const reader = new WireReader(bytes);
      const found = Array.from({ length: count }, () => {
        const end = nextInRun(reader);
        const element = bytes.slice(reader.pos, end);
        reader.pos = end;
        return element;
      });
      expect(found).toEqual(events);
      expect(reader.pos).toBe(bytes.length);
    });
    fc.assert(property);
  });

  it('decode as PublishEventsRequest.events', () => {
    const events = ['a', 'b'].map((id) => Event.fromPartial({ id, type: 't' }));
    const run = encodeEventRun(events.map((event) => Event.encode(event).finish()));
    expect(PublishEventsRequest.decode(run.bytes).events).toEqual(events);
  });
});

const times = fc.oneof(fc.integer({ min: 0, max: 253_402_300_799_999 }), fc.constantFrom(0, 1, 999, 1000, 1001));
const headers = fc.record({
  offset: safe.filter((offset) => offset > 0),
  commitTimeMs: times,
  author: fc.string({ unit: 'grapheme', maxLength: 200 }),
});

/** The entry, at a place in a larger buffer, as the writer of segments does it. */
function writeEntry({ author, ...place }: { offset: number; commitTimeMs: number; author: string }, event: Uint8Array) {
  const header = { ...place, author: Buffer.from(author) };
  const size = recordEntrySize(header, event.length);
  const out = new Uint8Array(size + 5).fill(0xee);
  const source = joined([Uint8Array.of(1, 2, 3), event, Uint8Array.of(4)]);
  expect(writeRecordEntry(out, 3, header, source, 3, 3 + event.length)).toBe(3 + size);
  expect([...out.subarray(0, 3), ...out.subarray(3 + size)]).toEqual(Array(5).fill(0xee));
  return out.slice(3, 3 + size);
}

function insideEntry(entry: Uint8Array): WireReader {
  const reader = new WireReader(entry);
  expect(nextInRun(reader)).toBe(entry.length);
  return reader;
}

describe('records', () => {
  it('decode to the header and the event that went in', () => {
    const property = fc.property(headers, fc.string(), (header, text) => {
      const event = Event.fromPartial({ type: 't', payload: { $case: 'text', value: text } });
      const entry = writeEntry(header, Event.encode(event).finish());
      const { offset, commitTime, author, event: inside } = EventRecord.decode(entry.subarray(insideEntry(entry).pos));
      expect({ offset, author, event: inside }).toEqual({
        offset: BigInt(header.offset),
        author: header.author,
        event,
      });
      expect(Number(commitTime?.seconds) * 1000 + (commitTime?.nanos ?? 0) / 1e6).toBe(header.commitTimeMs);
    });
    fc.assert(property);
  });

  it('are told from their bytes: commit time, author and where the event is', () => {
    const property = fc.property(headers, fc.uint8Array({ maxLength: 300 }), (header, event) => {
      const entry = writeEntry(header, event);
      expect(readCommitTime(insideEntry(entry))).toBe(header.commitTimeMs);
      expect(readAuthor(insideEntry(entry))).toBe(header.author);
      const reader = insideEntry(entry);
      const end = enterEvent(reader);
      expect(entry.slice(reader.pos, end)).toEqual(event);
    });
    fc.assert(property);
  });

  it('keep events of any size, and what looks like a header inside of one', () => {
    const forged = joined([varintField(1, 99n), lenField(3, 'root'), lenField(4, '')]);
    const sized = [0, 100, 125, 126, 127, 128, 16_380, 2 ** 21].map((size) => lenField(6, new Uint8Array(size)));
    for (const event of [new Uint8Array(), forged, ...sized]) {
      const entry = writeEntry({ offset: 7, commitTimeMs: 1, author: '' }, event);
      const record = EventRecord.decode(entry.subarray(insideEntry(entry).pos));
      expect([record.offset, record.author]).toEqual([7n, '']);
      expect(readAuthor(insideEntry(entry))).toBe('');
      const reader = insideEntry(entry);
      expect(enterEvent(reader) - reader.pos).toBe(event.length);
    }
  });
});

const eventFields = fc.record(
  {
    id: fc.string({ maxLength: 3 }),
    type: fc.string({ maxLength: 3 }),
    subject: fc.string({ maxLength: 3 }),
    contentType: fc.constantFrom('', 'text/plain'),
    source: fc.string({ maxLength: 3 }),
    time: fc.record({ seconds: fc.bigInt(-3n, 3n), nanos: fc.nat(3) }),
    payload: fc.oneof(
      fc.record({ $case: fc.constant('data' as const), value: fc.uint8Array({ maxLength: 3 }) }),
      fc.record({ $case: fc.constant('text' as const), value: fc.string({ maxLength: 3 }) }),
    ),
    attributes: fc
      .array(fc.tuple(fc.constantFrom('a', 'b', '__proto__'), fc.string({ maxLength: 2 })), { maxLength: 4 })
      .map((pairs) => new Map(pairs)),
  },
  { requiredKeys: [] },
);

/** The same event with its fields, and the entries of its map, in another order. */
function turnedAround(event: Event): Uint8Array {
  const { attributes, ...rest } = event;
  const pairs = [...attributes].reverse();
  const fields = pairs.map((pair) => Event.encode(Event.fromPartial({ attributes: new Map([pair]) })).finish());
  return joined([...fields, Event.encode(Event.fromPartial(rest)).finish()]);
}

describe('two encoded events', () => {
  it('say the same whatever the order of fields and of map entries', () => {
    const property = fc.property(eventFields, (fields) => {
      const event = Event.fromPartial(fields);
      expect(sameEvent(Event.encode(event).finish(), turnedAround(event))).toBe(true);
    });
    fc.assert(property);
  });

  it('say the same exactly if their decoded values are equal', () => {
    const property = fc.property(eventFields, eventFields, (a, b) => {
      const [left, right] = [Event.fromPartial(a), Event.fromPartial({ ...a, ...b })];
      let equal = true;
      try {
        expect(left).toEqual(right);
      } catch {
        equal = false;
      }
      expect(sameEvent(Event.encode(left).finish(), Event.encode(right).finish())).toBe(equal);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('differ when the same bytes are data in one and text in the other', () => {
    expect(sameEvent(lenField(6, 'same'), lenField(7, 'same'))).toBe(false);
    expect(sameEvent(lenField(6, ''), lenField(7, ''))).toBe(false);
    expect(sameEvent(lenField(6, ''), new Uint8Array())).toBe(false);
  });

  it('differ when one has attributes that the other lacks', () => {
    const [a, b] = ['a', 'b'].map((key) => lenField(8, lenField(1, key)));
    if (!a || !b) throw new Error('there are two');
    expect([sameEvent(a, joined([a, b])), sameEvent(joined([a, b]), a)]).toEqual([false, false]);
  });

  it('differ when one has a time of zero and the other has none', () => {
    expect(sameEvent(lenField(4, ''), new Uint8Array())).toBe(false);
  });

  it('say the same when they differ only in fields that this version does not know', () => {
    const event = lenField(1, 'a');
    fc.assert(fc.property(unknownChunks, (chunk) => expect(sameEvent(event, joined([chunk, event]))).toBe(true)));
  });
});

describe('the key of an event', () => {
  it('is its id and type, of repeated fields the last, whatever else is there', () => {
    const text = fc.string({ unit: 'grapheme' });
    const key = fc.oneof(
      text.map((id) => ({ id })),
      text.map((type) => ({ type })),
    );
    const other = fc.oneof(unknownChunks, fc.constantFrom(lenField(3, 'subject'), varintField(1, 5n)));
    const property = fc.property(fc.array(fc.oneof(key, other)), fc.nat(5), (parts, long) => {
      const chunks = parts.map((part) => {
        if (part instanceof Uint8Array) return part;
        const chunk = 'id' in part ? lenField(1, part.id) : lenField(2, part.type);
        return long > 0 && long < 5 ? withLongTag(chunk, long) : chunk;
      });
      const bytes = joined([Uint8Array.of(0xff), ...chunks]);
      const { id, type } = Event.decode(bytes.subarray(1));
      expect(readEventKey(bytes, 1, bytes.length)).toEqual({ id, type });
    });
    fc.assert(property);
  });
});

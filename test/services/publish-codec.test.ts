import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Event } from '../../gen/leat/v1/event.js';
import { PublishEventRequest, PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import { decodePublishEvent, decodePublishEvents } from '../../src/services/publish-codec.js';
import { type EventRun, nextInRun } from '../../src/store/encoding/event-run.js';
import { WireReader } from '../../src/store/encoding/wire.js';
import {
  brokenUtf8,
  damaged,
  joined,
  lenField,
  unknownChunks,
  varintField,
  withLongTag,
} from '../support/wire-chunks.js';

const names = fc.string({ unit: 'grapheme', maxLength: 5 });
const events = fc
  .record({
    id: names,
    type: names,
    payload: fc.record({ $case: fc.constant('data' as const), value: fc.uint8Array() }),
  })
  .map((event) => Event.encode(Event.fromPartial(event)).finish());
const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt(0n, 5n));
const producers = fc.array(
  fc.oneof(
    names.map((id) => lenField(1, id)),
    int64.map((n) => varintField(2, n)),
    unknownChunks,
  ),
  { maxLength: 3 },
);

/** Fields of a message in any order and number, some with tags that are longer than they need to be. */
function messageOf(fields: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const field = fc.tuple(fc.oneof({ weight: 6, arbitrary: fields }, unknownChunks), fc.constantFrom(0, 0, 0, 0, 1, 4));
  return fc
    .array(field, { maxLength: 8 })
    .map((list) =>
      joined(list.map(([chunk, long]) => (long > 0 && (chunk[0] ?? 0) < 0x80 ? withLongTag(chunk, long) : chunk))),
    );
}

const wrongType = (field: number) => int64.map((value) => varintField(field, value));
const single = messageOf(
  fc.oneof(
    names.map((topic) => lenField(1, topic)),
    events.map((event) => lenField(2, event)),
    wrongType(2),
    int64.map((n) => varintField(3, n)),
  ),
);
const batch = messageOf(
  fc.oneof(
    { weight: 4, arbitrary: events.map((event) => lenField(1, event)) },
    names.map((topic) => lenField(2, topic)),
    wrongType(1),
    int64.map((n) => varintField(3, n)),
    producers.map((parts) => lenField(4, joined(parts))),
  ),
);

/** The bytes in the middle of others, as they come from a socket. */
function withinOthers(bytes: Uint8Array): Uint8Array {
  return joined([Uint8Array.of(9, 9), bytes, Uint8Array.of(9)]).subarray(2, 2 + bytes.length);
}

/** The batch as the generated code would see it. */
function whole(bytes: Uint8Array): PublishEventsRequest {
  const { events: run, ...rest } = decodePublishEvents(withinOthers(bytes));
  const reader = new WireReader(run.bytes);
  const list = Array.from({ length: run.count }, () => {
    const end = nextInRun(reader);
    const event = Event.decode(run.bytes.subarray(reader.pos, end));
    reader.pos = end;
    return event;
  });
  expect(reader.pos).toBe(run.bytes.length);
  return { ...rest, events: list };
}

/** The single event, too. Pieces of one field are one message that was cut up, so they are decoded together. */
function wholeOne(bytes: Uint8Array) {
  const { event, ...rest } = decodePublishEvent(withinOthers(bytes));
  return { ...rest, event: event && Event.decode(event) };
}

describe('a batch whose events stay bytes', () => {
  it('says what the generated decoder reads, whatever the encoding', () => {
    const property = fc.property(batch, (bytes) => expect(whole(bytes)).toEqual(PublishEventsRequest.decode(bytes)));
    fc.assert(property, { numRuns: 1000 });
  });

  it('keeps the bytes of each event as they came', () => {
    const property = fc.property(fc.array(events), names, fc.nat(), (list, topic, at) => {
      const fields = list.map((event) => lenField(1, event));
      const bytes = joined(fields.toSpliced(at % (fields.length + 1), 0, lenField(2, topic)));
      expect(decodePublishEvents(bytes).events).toEqual({ bytes: joined(fields), count: list.length });
    });
    fc.assert(property);
  });

  it('is not copied if its events stand together, as encoders write them', () => {
    const bytes = joined([lenField(1, 'a'), lenField(1, 'b'), lenField(2, 'topic')]);
    expect(decodePublishEvents(bytes).events.bytes.buffer).toBe(bytes.buffer);
  });

  it('may be empty', () => {
    const empty = { topic: '', events: { bytes: new Uint8Array(), count: 0 } };
    expect(decodePublishEvents(new Uint8Array())).toEqual(empty);
  });
});

describe('a request with one event that stays bytes', () => {
  it('says what the generated decoder reads if the event comes once, whatever the encoding', () => {
    const property = fc.property(single, (bytes) => {
      const expected = PublishEventRequest.decode(bytes);
      const { event, ...rest } = wholeOne(bytes);
      const { event: expectedEvent, ...expectedRest } = expected;
      expect(rest).toEqual(expectedRest);
      expect(event === undefined).toBe(expectedEvent === undefined);
    });
    fc.assert(property, { numRuns: 1000 });
    fc.assert(
      fc.property(events, names, fc.boolean(), (event, topic, first) => {
        const fields = [lenField(2, event), lenField(1, topic)];
        const bytes = joined(first ? fields : fields.reverse());
        expect(decodePublishEvent(bytes).event).toEqual(event);
        expect(wholeOne(bytes)).toEqual(PublishEventRequest.decode(bytes));
      }),
    );
  });

  it('joins an event that comes in pieces, as protobuf merges them', () => {
    const bytes = joined([lenField(2, lenField(1, 'id')), lenField(1, 'topic'), lenField(2, lenField(2, 'type'))]);
    expect(wholeOne(bytes)).toMatchObject({ topic: 'topic', event: { id: 'id', type: 'type' } });
  });

  it('tells an event without content from none', () => {
    expect(decodePublishEvent(lenField(2, '')).event).toEqual(new Uint8Array());
    expect(decodePublishEvent(new Uint8Array()).event).toBeUndefined();
  });
});

describe('bytes that are no request', () => {
  const decoders = [decodePublishEvent, decodePublishEvents];

  it('are refused when they are cut within a field', () => {
    const field = fc.oneof(
      names.map((name) => lenField(1, name)),
      names.map((name) => lenField(2, name)),
      int64.map((n) => varintField(3, n)),
    );
    const property = fc.property(single, field, fc.nat(), (before, last, at) => {
      const bytes = joined([before, last.subarray(0, 1 + (at % (last.length - 1)))]);
      for (const decode of decoders) expect(() => decode(bytes)).toThrow();
    });
    fc.assert(property);
  });

  it('are refused with a broken topic or producer', () => {
    const property = fc.property(brokenUtf8, (broken) => {
      expect(() => decodePublishEvent(lenField(1, broken))).toThrow();
      expect(() => decodePublishEvents(lenField(2, broken))).toThrow();
      expect(() => decodePublishEvents(lenField(4, lenField(1, broken)))).toThrow();
    });
    fc.assert(property);
  });

  it('are refused with a field of number 0, behind which the generated decoder would read nothing', () => {
    for (const decode of decoders) expect(() => decode(joined([Uint8Array.of(0, 0), lenField(1, 'a')]))).toThrow();
  });

  it('are refused, or the events are those that protobuf finds in them, whatever they are', () => {
    let accepted = 0;
    const junk = fc.oneof(fc.uint8Array(), damaged(single), damaged(batch));
    const property = fc.property(junk, (bytes) => {
      let run: EventRun;
      try {
        run = decodePublishEvents(bytes).events;
      } catch {
        return;
      }
      accepted++;
      const found = lenFieldsOf(bytes, 1);
      expect(lenFieldsOf(run.bytes, 1)).toEqual(found);
      expect(run.count).toBe(found.length);
    });
    fc.assert(property, { numRuns: 3000 });
    expect(accepted).toBeGreaterThan(300);
  });
});

/** The values of a field, as protobuf's own reader finds them. */
function lenFieldsOf(bytes: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const values: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === wanted && wireType === WireType.LengthDelimited) values.push(reader.bytes());
    else reader.skip(wireType, field);
  }
  return values;
}

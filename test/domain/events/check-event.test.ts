import { isDeepStrictEqual } from 'node:util';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Event } from '../../../gen/leat/v1/event.js';
import type { FieldViolation } from '../../../src/domain/errors.js';
import { checkEncodedEvent } from '../../../src/domain/events/check-event.js';
import { isPlainlyValid } from '../../../src/domain/events/scan-event.js';
import { quote } from '../../../src/domain/validation/text.js';
import { MAX_PAYLOAD, encodedEvents } from '../../support/events.js';
import { inForm } from '../../support/long-form.js';
import { reencoded } from '../../support/protobuf-es.js';
import { brokenUtf8, damaged, joined, lenField, unknownChunks, varintField } from '../../support/wire-chunks.js';

const limits = { maxPayloadBytes: MAX_PAYLOAD };
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function check(bytes: Uint8Array): FieldViolation[] {
  const found: FieldViolation[] = [];
  const violations = {
    add: (field: string, description: string) => void found.push({ field, description }),
    throwIfAny: () => undefined,
  };
  // In the middle of a larger buffer, as in a batch.
  const around = joined([Uint8Array.of(0x12, 0x01, 0x74), bytes, Uint8Array.of(0x12, 0x01, 0x74)]);
  checkEncodedEvent(violations, 'events[3]', around, 3, 3 + bytes.length, limits);
  return found;
}

const fieldsOf = (bytes: Uint8Array) => check(bytes).map(({ field }) => field);
const scans = (bytes: Uint8Array) => {
  try {
    return isPlainlyValid(bytes, 0, bytes.length, limits);
  } catch {
    return false;
  }
};

/** `toEqual` for thousands of inputs: an expectation costs more than the code under test. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

/** The rules of the contract, said once more. */
function rulesBrokenBy(event: Event, size: number): string[] {
  const characters = (text: string) => [...text].length;
  const bytes = (value: string | Uint8Array) => Buffer.byteLength(value);
  const { time, payload } = event;
  const payloadBytes = payload ? bytes(payload.value) : 0;
  const rules: [string, boolean][] = [
    ['.id', characters(event.id) <= 128],
    ['.type', characters(event.type) >= 1 && characters(event.type) <= 128],
    ['.subject', characters(event.subject) <= 256],
    ['.content_type', characters(event.contentType) <= 128],
    ['.source', characters(event.source) <= 256],
    ['.time.seconds', !time || (time.seconds >= -62_135_596_800n && time.seconds <= 253_402_300_799n)],
    ['.time.nanos', !time || (time.nanos >= 0 && time.nanos < 1e9)],
    [`.${payload?.$case}`, payloadBytes <= MAX_PAYLOAD],
    ['.attributes', event.attributes.size <= 32],
    ...[...event.attributes].flatMap(([key, value]): [string, boolean][] => [
      [`.attributes[${quote(key)}]`, /^[a-z0-9_.-]{1,64}$/.test(key)],
      [`.attributes[${quote(key)}]`, bytes(value) <= 1024],
    ]),
    ['', size - payloadBytes <= 64 * 1024],
  ];
  return rules.filter(([, holds]) => !holds).map(([field]) => `events[3]${field}`);
}

describe('an encoded event', () => {
  it('is refused for exactly the rules it breaks, all of them at once, with their paths', () => {
    let decoded = 0;
    const property = fc.property(encodedEvents, (bytes) => {
      const found = check(bytes);
      const isMalformed = found.some(({ description }) =>
        /valid message|UTF-8|wire type|comes twice/.test(description),
      );
      if (isMalformed) return expect(found).toHaveLength(1);
      decoded++;
      expectSame(found.map(({ field }) => field).sort(), rulesBrokenBy(Event.decode(bytes), bytes.length).sort());
    });
    fc.assert(property, { numRuns: 3000 });
    expect(decoded).toBeGreaterThan(1500);
  });

  it('that is let through is read by every decoder, and by all of them as the same', () => {
    let accepted = 0;
    const property = fc.property(fc.oneof(encodedEvents, damaged(encodedEvents)), (bytes) => {
      if (check(bytes).length > 0) return;
      accepted++;
      const event = Event.decode(new BinaryReader(bytes, (text) => utf8.decode(text)));
      expectSame(Event.decode(reencoded('leat.v1.Event', bytes)), event);
    });
    fc.assert(property, { numRuns: 3000 });
    expect(accepted).toBeGreaterThan(300);
  });

  it('that the fast scan lets through breaks no rule', () => {
    let accepted = 0;
    const property = fc.property(fc.oneof(encodedEvents, damaged(encodedEvents)), (bytes) => {
      if (!scans(bytes)) return;
      accepted++;
      const event = Event.decode(new BinaryReader(bytes, (text) => utf8.decode(text)));
      expectSame(rulesBrokenBy(event, bytes.length), []);
    });
    fc.assert(property, { numRuns: 5000 });
    expect(accepted).toBeGreaterThan(300);
  });

  it('of the usual sort needs no closer look, with time and attributes either', () => {
    const text = fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme-ascii' });
    const attributes = fc.array(fc.tuple(fc.stringMatching(/^[a-z0-9_.-]{1,64}$/), text), { maxLength: 32 });
    const time = fc.record({ seconds: fc.bigInt(0n, 253_402_300_799n), nanos: fc.nat(999_999_999) });
    const usual = fc.record({ id: text, type: text, subject: text, time, source: text, attributes });
    const property = fc.property(usual, fc.uint8Array({ maxLength: MAX_PAYLOAD }), (fields, value) => {
      const event = { ...fields, attributes: new Map(fields.attributes), payload: { $case: 'data' as const, value } };
      expect(scans(Event.encode(Event.fromPartial(event)).finish())).toBe(true);
    });
    fc.assert(property);
  });

  const type = lenField(2, 't');
  it.each([
    ['nothing', new Uint8Array(), ['.type']],
    [
      '33 attributes',
      joined([type, ...Array.from({ length: 33 }, (_, i) => lenField(8, lenField(1, `k${i}`)))]),
      ['.attributes'],
    ],
    [
      '1,000 times the same attribute',
      joined([type, ...Array<Uint8Array>(1000).fill(lenField(8, lenField(1, 'k')))]),
      [],
    ],
    ['an attribute without a key', joined([type, lenField(8, lenField(2, 'v'))]), ['.attributes[""]']],
    ['an empty attribute', joined([type, lenField(8, '')]), ['.attributes[""]']],
    [
      'a value of 1,025 bytes',
      joined([type, lenField(8, joined([lenField(1, 'k'), lenField(2, 'v'.repeat(1025))]))]),
      ['.attributes["k"]'],
    ],
    ['a good type after a bad one', joined([lenField(2, 'x'.repeat(200)), type]), []],
    ['a bad type after a good one', joined([type, lenField(2, '')]), ['.type']],
    [
      'a large payload that a small one replaces',
      joined([type, lenField(6, new Uint8Array(101)), lenField(7, 'a')]),
      [],
    ],
    ['two payloads, the last too large', joined([type, lenField(7, 'a'), lenField(6, new Uint8Array(101))]), ['.data']],
    ['64 KiB of unknown fields', joined([type, lenField(50, new Uint8Array(65_530))]), ['']],
    ['a time that comes twice', joined([type, lenField(4, varintField(2, 10n ** 9n)), lenField(4, '')]), ['.time']],
    ['the end of a group within its time', joined([type, lenField(4, [0x0c, 0xff].join(''))]), ['.time']],
    ['type as a number', joined([type, varintField(2, 1n)]), ['.type']],
    ['a group', joined([type, Uint8Array.of(0x63, 0x64)]), ['']],
  ])('with %s: %#', (_, bytes, expected) => {
    expect(fieldsOf(bytes)).toEqual(expected.map((field) => `events[3]${field}`));
  });

  it.each([
    [1, 'id'],
    [2, 'type'],
    [3, 'subject'],
    [5, 'content_type'],
    [7, 'text'],
    [9, 'source'],
  ])('with broken UTF-8 in field %i is refused for %s', (number, name) => {
    const property = fc.property(brokenUtf8, fc.boolean(), (broken, first) => {
      const [type, bad] = [lenField(2, 't'), lenField(number, broken)];
      expect(check(joined(first ? [bad, type] : [type, bad]))).toEqual([
        { field: `events[3].${name}`, description: 'is not valid UTF-8' },
      ]);
    });
    fc.assert(property);
  });

  it('with broken UTF-8 in an attribute is refused for its key or value', () => {
    const property = fc.property(brokenUtf8, fc.constantFrom('key', 'value'), (broken, part) => {
      const pair = part === 'key' ? [lenField(1, broken), lenField(2, 'v')] : [lenField(1, 'k'), lenField(2, broken)];
      expect(fieldsOf(joined([type, lenField(8, joined(pair))]))).toEqual([`events[3].attributes.${part}`]);
    });
    fc.assert(property);
  });

  it('counts a payload that another one replaces as bytes beside the payload', () => {
    const value = new Uint8Array(70_000);
    const found: string[] = [];
    const violations = { add: (field: string) => void found.push(field), throwIfAny: () => undefined };
    const bytes = joined([type, lenField(6, value), lenField(7, value)]);
    checkEncodedEvent(violations, 'event', bytes, 0, bytes.length, { maxPayloadBytes: value.length });
    expect(found).toEqual(['event']);
  });

  it('that is cut off is refused, wherever the cut is within a field', () => {
    const chunks = fc.array(fc.oneof(unknownChunks, fc.constant(lenField(1, 'id'))), { minLength: 1, maxLength: 4 });
    const property = fc.property(chunks, fc.nat(), (fields, at) => {
      const [last, ...before] = fields;
      if (!last) return;
      const cut = last.subarray(0, 1 + (at % (last.length - 1)));
      expect(fieldsOf(joined([type, ...before, cut]))).toHaveLength(1);
    });
    fc.assert(property);
  });

  it('can be any bytes: the answer is violations, never another error', () => {
    const junk = fc.oneof(fc.uint8Array({ maxLength: 60 }), damaged(encodedEvents), damaged(damaged(encodedEvents)));
    const property = fc.property(junk, (bytes) => {
      const found = check(bytes);
      if (found.length === 0) Event.decode(new BinaryReader(bytes, (text) => utf8.decode(text)));
      if (!found.every(({ field }) => field.startsWith('events[3]'))) expect(found).toEqual([]);
    });
    fc.assert(property, { numRuns: inForm(4_000, 10_000) });
  });
});

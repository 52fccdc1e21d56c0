import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatCloudEvent } from '../../src/cli/cloud-event.js';
import { parseEnvelope } from '../../src/cli/envelope.js';
import { Event, EventRecord } from '../../gen/leat/v1/event.js';

const text = (maxLength = 40) =>
  fc.string({ unit: 'binary', maxLength }).filter((value) => !/\p{Surrogate}/u.test(value));
const filled = text().filter((value) => value !== '');
const nanos = fc.integer({ min: 0, max: 999_999_999 });
const seconds = fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n });
const plainType = fc.constantFrom('', 'text/plain', 'application/octet-stream', 'image/png', 'application/jsonl');
const jsonType = fc.constantFrom(
  'application/json',
  'application/vnd.x+json; charset=utf-8',
  'text/json',
  'APPLICATION/JSON',
);
const plain = fc.record({
  contentType: plainType,
  payload: fc.oneof(
    text().map((value) => ({ $case: 'text' as const, value })),
    fc.uint8Array({ maxLength: 40 }).map((value) => ({ $case: 'data' as const, value })),
  ),
});
const json = fc.record({
  contentType: jsonType,
  payload: fc.json().map((value) => ({ $case: 'text' as const, value })),
});
const events = fc
  .record({
    id: filled,
    type: filled,
    subject: text(),
    source: filled,
    time: fc.option(fc.record({ seconds, nanos }), { nil: undefined }),
    attributes: fc.array(fc.tuple(filled, text()), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    body: fc.oneof(plain, json),
  })
  .map(({ body, ...event }) => Event.fromPartial({ ...event, ...body }));

function recordOf(event: Event): EventRecord {
  return EventRecord.fromPartial({ offset: 12n, commitTime: { seconds: 1n, nanos: 0 }, author: 'ada', event });
}

function reread(event: Event): Event {
  return Event.fromPartial(parseEnvelope(formatCloudEvent('orders', recordOf(event))));
}

/** The default of the contract, said aloud. */
function withContentType(event: Event): Event {
  const byDefault = event.payload?.$case === 'text' ? 'text/plain' : 'application/octet-stream';
  return { ...event, contentType: event.contentType || byDefault };
}

describe('CloudEvents JSON', () => {
  it('brings back every event that is printed, when it is published with --envelope', () => {
    fc.assert(
      fc.property(events, (event) => {
        expect(reread(event)).toEqual(withContentType(event));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is one line that JSON.parse reads and that holds no control or bidirectional character', () => {
    fc.assert(
      fc.property(events, (event) => {
        const line = formatCloudEvent('orders', recordOf(event));
        expect(line).not.toMatch(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u);
        expect(JSON.parse(line)).toMatchObject({ specversion: '1.0', id: event.id, type: event.type });
      }),
    );
  });

  it('names the place of an event and its author, with int64 as strings', () => {
    const record = EventRecord.fromPartial({
      offset: 9_007_199_254_740_993n,
      commitTime: { seconds: 1_767_225_600n, nanos: 5_000_000 },
      author: 'ada',
      event: {
        type: 'order.created',
        payload: { $case: 'text', value: '{"total": 12}' },
        contentType: 'application/json',
      },
    });
    expect(JSON.parse(formatCloudEvent('orders/eu', record))).toEqual({
      specversion: '1.0',
      id: 'orders/eu/9007199254740993',
      source: '/topics/orders/eu',
      type: 'order.created',
      datacontenttype: 'application/json',
      leattopic: 'orders/eu',
      leatoffset: '9007199254740993',
      leatcommittime: '2026-01-01T00:00:00.005Z',
      leatauthor: 'ada',
      data: { total: 12 },
    });
  });

  it('keeps every digit of a number in a JSON payload, there and back', () => {
    const value = '{"n":12345678901234567890.10}';
    const event = Event.fromPartial({ type: 't', contentType: 'application/json', payload: { $case: 'text', value } });
    expect(formatCloudEvent('orders', recordOf(event))).toContain(`"data":${value}`);
    expect(reread(event).payload).toEqual({ $case: 'text', value });
  });

  it('prints text that only claims to be JSON as base64, and so keeps its bytes', () => {
    const event = Event.fromPartial({
      type: 't',
      contentType: 'application/json',
      payload: { $case: 'text', value: '{oops' },
    });
    expect(reread(event).payload).toEqual({ $case: 'data', value: Buffer.from('{oops') });
  });
});

describe('parseEnvelope', () => {
  it('takes a JSON value as application/json and a string as text', () => {
    expect(parseEnvelope('{"type":"t","data":{"a":[1,2]}}')).toMatchObject({
      contentType: 'application/json',
      payload: { $case: 'text', value: '{"a":[1,2]}' },
    });
    expect(parseEnvelope('{"type":"t","data":"hi"}')).toMatchObject({
      contentType: '',
      payload: { $case: 'text', value: 'hi' },
    });
  });

  it('turns extensions of CloudEvents into attributes and leaves out what the service says itself', () => {
    const { attributes } = parseEnvelope(
      '{"type":"t","traceparent":"00-1","retries":2,"leatoffset":"7","attributes":{"a":"b"}}',
    );
    expect(attributes).toEqual(
      new Map([
        ['traceparent', '00-1'],
        ['retries', '2'],
        ['a', 'b'],
      ]),
    );
  });

  it.each([
    ['nonsense', /^not JSON/],
    ['[1]', /^not a JSON object$/],
    ['null', /^not a JSON object$/],
    ['{}', /"type" is missing/],
    ['{"type":3}', /"type" is not a string/],
    ['{"type":"t","time":"yesterday"}', /"time" is not an RFC 3339 time/],
    ['{"type":"t","data":1,"data_base64":"AA=="}', /both "data" and "data_base64"/],
    ['{"type":"t","data_base64":"@@"}', /not base64/],
    ['{"type":"t","attributes":[]}', /"attributes" is not an object/],
    ['{"type":"t","attributes":{"a":{}}}', /"a" is not a string/],
    [String.raw`{"type":"\ud800"}`, /half of a surrogate pair/],
  ])('says what is wrong with %s', (line, message) => {
    expect(() => parseEnvelope(line)).toThrow(message);
  });
});

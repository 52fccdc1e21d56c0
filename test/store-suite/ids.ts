import { describe, expect, it } from '@jest/globals';
import { Event } from '../../gen/leat/v1/event.js';
import { encodeEventRun } from '../../src/store/encoding/event-run.js';
import { refusalOf } from './conditions.js';
import { append, appendOf, contents, text } from './events.js';
import { sharedStore } from './opened.js';
import type { OpenStore } from './opened.js';

const full = Event.fromPartial({
  id: 'full',
  type: 't',
  subject: 's',
  time: { seconds: 5n, nanos: 6 },
  contentType: 'c/t',
  payload: { $case: 'data', value: new Uint8Array([1, 2, 3]) },
  attributes: new Map([
    ['a', '1'],
    ['b', '2'],
  ]),
  source: '//x',
});

const otherContents: readonly [string, Partial<Event>][] = [
  ['type', { type: 'T' }],
  ['subject', { subject: '' }],
  ['time', { time: { seconds: 5n, nanos: 7 } }],
  ['no time', { time: undefined }],
  ['content type', { contentType: 'c/u' }],
  ['payload', { payload: { $case: 'data', value: new Uint8Array([1, 2, 4]) } }],
  ['shorter payload', { payload: { $case: 'data', value: new Uint8Array([1, 2]) } }],
  ['kind of payload', { payload: { $case: 'text', value: '\u0001\u0002\u0003' } }],
  ['no payload', { payload: undefined }],
  [
    'value of another attribute',
    {
      attributes: new Map([
        ['a', '0'],
        ['b', '2'],
      ]),
    },
  ],
  [
    'attribute name',
    {
      attributes: new Map([
        ['a', '1'],
        ['c', '2'],
      ]),
    },
  ],
  [
    'attribute value',
    {
      attributes: new Map([
        ['a', '1'],
        ['b', '3'],
      ]),
    },
  ],
  [
    'attribute more',
    {
      attributes: new Map([
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
      ]),
    },
  ],
  ['attribute fewer', { attributes: new Map([['a', '1']]) }],
  ['source', { source: '//y' }],
];

/** The same event as other encoders may write it: fields from the last to the first, the map turned round. */
function encodedDifferently(event: Event): Uint8Array {
  const { source, payload, contentType, time, subject, type, id } = event;
  const parts: Partial<Event>[] = [
    { source },
    ...[...event.attributes].reverse().map(([key, value]) => ({ attributes: new Map([[key, value]]) })),
    { payload },
    { contentType },
    { time },
    { subject },
    { type },
    { id },
  ];
  return Buffer.concat(parts.map((part) => Event.encode(Event.fromPartial(part)).finish()));
}

export function idsSuite(open: OpenStore): void {
  describe('idempotency by id', () => {
    const subject = sharedStore(open);

    it('answers a duplicate with its first offset and time, and appends nothing', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, [text('0')]);
      const first = await append(subject.store, topic, [text('1', { id: 'one' })]);
      await append(subject.store, topic, [text('2')]);
      expect(await append(subject.store, topic, [text('1', { id: 'one' })])).toMatchObject({
        accepted: 0,
        duplicates: 1,
        firstOffset: 0,
        lastOffset: 0,
        existing: [{ index: 0, offset: 2, commitTimeMs: first.commitTimeMs }],
      });
      expect(await contents(subject.store, topic)).toEqual(['1 0', '2 1', '3 2']);
    });

    it('appends what is new of a batch, and tells where the rest is', async () => {
      const topic = subject.fresh();
      const [a, b, c] = [text('a', { id: 'a' }), text('b', { id: 'b' }), text('c', { id: 'c' })];
      await append(subject.store, topic, [b, text('free')]);
      const result = await append(subject.store, topic, [a, b, text('free'), c, b]);
      expect(result).toMatchObject({ accepted: 3, duplicates: 2, firstOffset: 3, lastOffset: 5 });
      expect(result.existing.map(({ index, offset }) => [index, offset])).toEqual([
        [1, 1],
        [4, 1],
      ]);
      expect(await contents(subject.store, topic)).toEqual(['1 b', '2 free', '3 a', '4 free', '5 c']);
    });

    it('holds within one batch', async () => {
      const topic = subject.fresh();
      const same = text('x', { id: 'x' });
      const result = await append(subject.store, topic, [text('0'), same, same]);
      expect(result).toMatchObject({ accepted: 2, duplicates: 1, existing: [{ index: 2, offset: 2 }] });
      expect(result.existing[0]?.commitTimeMs).toBe(result.commitTimeMs);
    });

    it('holds within one unit and among writers at the same time', async () => {
      const topic = subject.fresh();
      const event = text('x', { id: 'x' });
      const [[first, second], third] = await Promise.all([
        subject.store.write([appendOf(topic, [event]), appendOf(topic, [event])]),
        append(subject.store, topic, [event]),
      ]);
      const existing = [{ index: 0, offset: 1, commitTimeMs: first.commitTimeMs }];
      expect(first.accepted).toBe(1);
      expect(second).toMatchObject({ accepted: 0, existing });
      expect(third).toMatchObject({ accepted: 0, existing });
    });

    it('does not hold for events without id', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, [text('x'), text('x')]);
      expect(await append(subject.store, topic, [text('x')])).toMatchObject({ accepted: 1, firstOffset: 3 });
    });

    it('is per author and per topic', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, [text('1', { id: 'x' })], { author: 'ada' });
      expect((await append(subject.store, topic, [text('2', { id: 'x' })], { author: 'bob' })).firstOffset).toBe(2);
      expect((await append(subject.store, topic, [text('3', { id: 'x' })], { author: '' })).firstOffset).toBe(3);
      expect((await append(subject.store, subject.fresh(), [text('4', { id: 'x' })])).firstOffset).toBe(1);
    });

    it('tells ids apart that differ in case, accents or a trailing blank', async () => {
      const topic = subject.fresh();
      const ids = ['x', 'X', 'x ', 'é', 'e\u0301', '\u0000', 'x\u0000'];
      const result = await append(
        subject.store,
        topic,
        ids.map((id) => text(id, { id })),
      );
      expect(result.accepted).toBe(ids.length);
    });

    it('compares what an event says, not how it is encoded', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, [full]);
      const other = encodedDifferently(full);
      expect(Buffer.compare(other, Event.encode(full).finish())).not.toBe(0);
      const change = { ...appendOf(topic, []), events: encodeEventRun([other]) };
      const [result] = await subject.store.write([change]);
      expect(result).toMatchObject({ accepted: 0, existing: [{ index: 0, offset: 1 }] });
    });

    it.each(otherContents)('refuses an id with other content: %s', async (_what, change) => {
      const topic = subject.fresh();
      await append(subject.store, topic, [text('0'), full]);
      const refused = await refusalOf(append(subject.store, topic, [text('never'), { ...full, ...change }]));
      expect(refused).toMatchObject({ is: 'exists ID_REUSED', metadata: { index: '1', id: 'full', offset: '2' } });
      expect((await subject.store.topic(topic))?.headOffset).toBe(2);
    });

    it('refuses other content within one batch and among writers at the same time, and keeps none of the batch', async () => {
      const [one, two] = [subject.fresh(), subject.fresh()];
      const [first, second] = [text('1', { id: 'x' }), text('2', { id: 'x' })];
      expect((await refusalOf(append(subject.store, one, [first, second]))).is).toBe('exists ID_REUSED');
      expect(await subject.store.topic(one)).toBeUndefined();
      const [kept, refused] = [append(subject.store, two, [first]), append(subject.store, two, [text('0'), second])];
      expect((await refusalOf(refused)).is).toBe('exists ID_REUSED');
      expect((await kept).lastOffset).toBe(1);
      expect(await contents(subject.store, two)).toEqual(['1 1']);
    });

    it('does not keep the ids of a unit that failed', async () => {
      const topic = subject.fresh();
      const outcomes = await Promise.allSettled([
        subject.store.write([
          appendOf(topic, [text('1', { id: 'x' })]),
          appendOf(topic, [text('never')], { expectedLastOffset: 9 }),
        ]),
        append(subject.store, topic, [text('2', { id: 'x' })], { expectedLastOffset: 0 }),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
      expect(await contents(subject.store, topic)).toEqual(['1 2']);
    });

    it('holds over thousands of ids and whatever was read in between', async () => {
      const topic = subject.fresh();
      const events = Array.from({ length: 3000 }, (_, i) => text(`${i}`, { id: `id-${i}` }));
      for (let from = 0; from < 3000; from += 500) await append(subject.store, topic, events.slice(from, from + 500));
      const again = [...events].reverse();
      const result = await append(subject.store, topic, again);
      expect(result).toMatchObject({ accepted: 0, duplicates: 3000 });
      expect(result.existing.map(({ offset }) => offset)).toEqual(again.map((_, i) => 3000 - i));
    });
  });
}

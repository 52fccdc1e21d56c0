import { describe, expect, it } from '@jest/globals';
import { refusalOf, until } from './conditions.js';
import { append, appendOf, bulky, contents, text, texts } from './events.js';
import { ownStore, sharedStore } from './opened.js';
import type { OpenStore } from './opened.js';

export function topicsSuite(open: OpenStore): void {
  describe('topic', () => {
    const subject = sharedStore(open);

    it('is unknown until it is written to or set up', async () => {
      const topic = subject.fresh();
      expect(await subject.store.topic(topic)).toBeUndefined();
      const { commitTimeMs } = await append(subject.store, topic, texts(2));
      const info = await subject.store.topic(topic);
      expect(info).toMatchObject({ topic, firstOffset: 1, headOffset: 2, lastCommitTimeMs: commitTimeMs });
      expect(info?.createTimeMs).toBeLessThanOrEqual(commitTimeMs);
      expect(info?.createTimeMs).toBeGreaterThan(0);
      expect(info?.retention).toEqual({});
    });

    it('counts the bytes it keeps', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, [bulky(1000)]);
      const one = (await subject.store.topic(topic))?.storedBytes ?? 0;
      expect(one).toBeGreaterThan(1000);
      await append(subject.store, topic, [bulky(1000), bulky(1000)]);
      expect((await subject.store.topic(topic))?.storedBytes).toBeGreaterThan(3000);
    });

    it('keeps bounds that are set, and takes away those that are set to null', async () => {
      const topic = subject.fresh();
      const [set] = await subject.store.write([{ kind: 'set-retention', topic, maxAgeMs: 60_000, maxEvents: 7 }]);
      expect(set).toMatchObject({ topic, firstOffset: 1, headOffset: 0, lastCommitTimeMs: 0 });
      expect(set.retention).toEqual({ maxAgeMs: 60_000, maxEvents: 7 });
      await subject.store.write([{ kind: 'set-retention', topic, maxBytes: 2 ** 40, maxEvents: null }]);
      expect((await subject.store.topic(topic))?.retention).toEqual({ maxAgeMs: 60_000, maxBytes: 2 ** 40 });
      expect(await subject.store.readPage(topic, 0)).toMatchObject({ count: 0, head: 0 });
    });

    it.each([
      ['events', { maxEvents: 3 }],
      ['bytes', { maxBytes: 1 }],
      ['age', { maxAgeMs: 1 }],
    ])('gives up the oldest events when there are too many %s', async (_bound, bound) => {
      const topic = subject.fresh();
      for (const event of texts(10)) await append(subject.store, topic, [event]);
      await subject.store.write([{ kind: 'set-retention', topic, ...bound }]);
      await until(async () => ((await subject.store.topic(topic))?.firstOffset ?? 0) > 7);
      const info = await subject.store.topic(topic);
      expect(info?.headOffset).toBe(10);
      expect(await contents(subject.store, topic, (info?.firstOffset ?? 0) - 1)).toHaveLength(
        11 - (info?.firstOffset ?? 0),
      );
      expect((await refusalOf(subject.store.readPage(topic, 0))).is).toBe('out-of-range OFFSET_TRIMMED');
    });
  });

  describe('listTopics', () => {
    const subject = ownStore(open);

    it('lists by prefix, in the order of names, page by page', async () => {
      const names = ['a', 'b', 'b/1', 'b/2', 'b/2/x', 'b0', 'bb', 'c'];
      for (const topic of [...names].reverse()) await append(subject.store, topic, texts(1));
      const list = async (prefix: string, after: string, limit: number) =>
        (await subject.store.listTopics({ prefix, after, limit })).map(({ topic }) => topic);
      expect(await list('', '', 100)).toEqual(names);
      expect(await list('', '', 3)).toEqual(names.slice(0, 3));
      expect(await list('', 'b/1', 3)).toEqual(['b/2', 'b/2/x', 'b0']);
      expect(await list('b/', '', 100)).toEqual(['b/1', 'b/2', 'b/2/x']);
      expect(await list('b/', 'b/1', 1)).toEqual(['b/2']);
      expect(await list('b/', 'c', 100)).toEqual([]);
      expect(await list('B', '', 100)).toEqual([]);
      const [first] = await subject.store.listTopics({ prefix: 'c', after: '', limit: 1 });
      expect(first).toEqual(await subject.store.topic('c'));
    });
  });

  describe('trim', () => {
    const subject = sharedStore(open);

    it('moves the first offset at once, never back, and offsets go on', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(10));
      const [info] = await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 6 }]);
      expect(info).toMatchObject({ topic, firstOffset: 6, headOffset: 10 });
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 2 }]);
      expect(await subject.store.topic(topic)).toMatchObject({ firstOffset: 6 });
      expect(await contents(subject.store, topic, 5)).toEqual(['6 6', '7 7', '8 8', '9 9', '10 10']);
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 11 }]);
      expect(await subject.store.topic(topic)).toMatchObject({ firstOffset: 11, headOffset: 10 });
      expect((await append(subject.store, topic, [text('11')])).firstOffset).toBe(11);
      expect(await contents(subject.store, topic, 10)).toEqual(['11 11']);
    });

    it('refuses what is beyond the head, and topics it does not know', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(2));
      const beyond = await refusalOf(subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 4 }]));
      expect(beyond).toMatchObject({ is: 'out-of-range OFFSET_BEYOND_HEAD', metadata: { head_offset: '2' } });
      const unknown = subject.store.write([{ kind: 'trim-topic', topic: subject.fresh(), firstOffset: 1 }]);
      expect((await refusalOf(unknown)).is).toBe('not-found TOPIC_NOT_FOUND');
    });

    it('frees the ids of trimmed events, and keeps the others', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, [text('1', { id: 'x' }), text('2', { id: 'y' })]);
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 2 }]);
      await until(async () => {
        const [outcome] = await Promise.allSettled([append(subject.store, topic, [text('3', { id: 'x' })])]);
        return outcome.status === 'fulfilled';
      });
      const refused = await refusalOf(append(subject.store, topic, [text('4', { id: 'x' })]));
      expect(refused).toMatchObject({ is: 'exists ID_REUSED', metadata: { offset: '3' } });
      expect((await refusalOf(append(subject.store, topic, [text('5', { id: 'y' })]))).is).toBe('exists ID_REUSED');
    });

    it('keeps an id that was used again after a trim, when what was trimmed is swept', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, [bulky(5000, { id: 'x' })]);
      await subject.store.write([
        { kind: 'trim-topic', topic, firstOffset: 2 },
        appendOf(topic, [text('2', { id: 'x' })]),
      ]);
      await until(async () => ((await subject.store.topic(topic))?.storedBytes ?? 0) < 5000);
      expect((await refusalOf(append(subject.store, topic, [text('3', { id: 'x' })]))).is).toBe('exists ID_REUSED');
      expect((await append(subject.store, topic, [text('2', { id: 'x' })])).existing[0]?.offset).toBe(2);
    });

    it('frees the bytes of what was trimmed', async () => {
      const topic = subject.fresh();
      for (let i = 0; i < 5; i += 1) await append(subject.store, topic, [bulky(10_000)]);
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 5 }]);
      await until(async () => ((await subject.store.topic(topic))?.storedBytes ?? 0) < 20_000);
      expect((await subject.store.topic(topic))?.storedBytes).toBeGreaterThan(10_000);
    });
  });

  describe('delete', () => {
    const subject = sharedStore(open);

    it('forgets events, cursors, producers and retention at once, and offsets go on', async () => {
      const topic = subject.fresh();
      const producer = { producerId: 'p', firstSequence: 1 };
      await append(subject.store, topic, [text('1', { id: 'x' })]);
      await append(subject.store, topic, [text('2')], { producer });
      await subject.store.write([
        { kind: 'set-retention', topic, maxEvents: 1000 },
        { kind: 'commit-cursor', topic, cursor: 'c', offset: 1, rewind: false },
      ]);
      const [info] = await subject.store.write([{ kind: 'delete-topic', topic }]);
      expect(info).toMatchObject({ firstOffset: 3, headOffset: 2 });

      expect(await subject.store.topic(topic)).toBeUndefined();
      expect(
        (await subject.store.listTopics({ prefix: topic, after: '', limit: 5 })).map((each) => each.topic),
      ).not.toContain(topic);
      expect(await subject.store.cursor(topic, 'c')).toBeUndefined();
      expect(await subject.store.listCursors(topic)).toEqual([]);
      expect(await subject.store.producer(topic, 'p')).toBeUndefined();
      expect(await refusalOf(subject.store.readPage(topic, 1))).toMatchObject({
        is: 'out-of-range OFFSET_TRIMMED',
        metadata: { first_offset: '3' },
      });
      expect(await subject.store.readPage(topic, 2)).toMatchObject({ count: 0, head: 2 });

      expect((await append(subject.store, topic, [text('3')], { producer })).firstOffset).toBe(3);
      expect((await append(subject.store, topic, [text('other', { id: 'x' })])).accepted).toBe(1);
      expect(await subject.store.topic(topic)).toMatchObject({ firstOffset: 3, headOffset: 4, retention: {} });
      expect((await subject.store.topic(topic))?.retention).toEqual({});
      expect(await contents(subject.store, topic, 2)).toEqual(['3 3', '4 other']);
    });

    it('knows no topic that was never written to or is deleted', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(1));
      await subject.store.write([{ kind: 'delete-topic', topic }]);
      for (const unknown of [topic, subject.fresh()]) {
        const refused = await refusalOf(subject.store.write([{ kind: 'delete-topic', topic: unknown }]));
        expect(refused.is).toBe('not-found TOPIC_NOT_FOUND');
      }
    });

    it('never lets commit times decrease, and counts no bytes of what is gone', async () => {
      const topic = subject.fresh();
      const before = await append(subject.store, topic, [bulky(5000)]);
      await subject.store.write([{ kind: 'delete-topic', topic }]);
      const after = await append(subject.store, topic, [text('2')]);
      expect(after.commitTimeMs).toBeGreaterThanOrEqual(before.commitTimeMs);
      await until(async () => ((await subject.store.topic(topic))?.storedBytes ?? 0) < 5000);
    });
  });

  describe('cursors', () => {
    const subject = sharedStore(open);

    async function commit(topic: string, cursor: string, offset: number, rewind = false) {
      const [result] = await subject.store.write([{ kind: 'commit-cursor', topic, cursor, offset, rewind }]);
      return result;
    }

    it('move forward only, unless they are rewound', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(5));
      expect(await commit(topic, 'c', 3)).toEqual({ offset: 3, headOffset: 5 });
      expect(await commit(topic, 'c', 2)).toEqual({ offset: 3, headOffset: 5 });
      expect((await subject.store.cursor(topic, 'c'))?.offset).toBe(3);
      expect(await commit(topic, 'c', 1, true)).toEqual({ offset: 1, headOffset: 5 });
      expect(await commit(topic, 'c', 5)).toEqual({ offset: 5, headOffset: 5 });
      expect((await subject.store.cursor(topic, 'c'))?.commitTimeMs).toBeGreaterThan(0);
    });

    it('stand on a topic that was never written to, at its beginning', async () => {
      const topic = subject.fresh();
      expect(await commit(topic, 'c', 0)).toEqual({ offset: 0, headOffset: 0 });
      expect(await subject.store.cursor(topic, 'c')).toBeUndefined();
      expect(await subject.store.topic(topic)).toBeUndefined();
    });

    it('do not stand beyond the head', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(2));
      for (const rewind of [false, true]) {
        expect(await refusalOf(commit(topic, 'c', 3, rewind))).toMatchObject({
          is: 'out-of-range OFFSET_BEYOND_HEAD',
          metadata: { head_offset: '2' },
        });
      }
      expect(await subject.store.cursor(topic, 'c')).toBeUndefined();
    });

    it('are listed in the order of their names, of one topic only', async () => {
      const [one, two] = [subject.fresh(), subject.fresh()];
      await append(subject.store, one, texts(3));
      await append(subject.store, two, texts(3));
      await commit(one, 'b', 2);
      await commit(two, 'x', 2);
      await commit(one, 'a', 1);
      await commit(one, 'B', 3);
      const listed = await subject.store.listCursors(one);
      expect(listed.map(({ cursor, offset }) => `${cursor}${offset}`)).toEqual(['B3', 'a1', 'b2']);
      expect(await subject.store.listCursors(subject.fresh())).toEqual([]);
    });

    it('are at most 1,000 of a topic, and those that are there still move', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(1));
      await Promise.all(Array.from({ length: 1000 }, (_, i) => commit(topic, `c${i}`, 0)));
      expect((await refusalOf(commit(topic, 'more', 0))).is).toBe('exhausted TOO_MANY_CURSORS');
      expect((await commit(topic, 'c7', 1)).offset).toBe(1);
    });
  });
}

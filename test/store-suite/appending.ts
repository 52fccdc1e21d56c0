import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { append, appendOf, contents, readAll, runOf, text, textOf, texts, timeMsOf } from './events.js';
import { refusalOf } from './conditions.js';
import { ownStore, sharedStore } from './opened.js';
import type { OpenStore } from './opened.js';

export function appendingSuite(open: OpenStore): void {
  describe('append', () => {
    const subject = sharedStore(open);

    it('gives dense offsets from 1, and tells them', async () => {
      const topic = subject.fresh();
      expect(await append(subject.store, topic, texts(3))).toMatchObject({
        accepted: 3,
        duplicates: 0,
        firstOffset: 1,
        lastOffset: 3,
        existing: [],
      });
      expect(await append(subject.store, topic, [text('4')])).toMatchObject({ firstOffset: 4, lastOffset: 4 });
      expect(await contents(subject.store, topic)).toEqual(['1 1', '2 2', '3 3', '4 4']);
    });

    it('refuses a run that is none, and goes on', async () => {
      const topic = subject.fresh();
      for (const events of [
        { bytes: Buffer.from([0x0a, 0x05, 0x0a]), count: 1 },
        { bytes: Buffer.from([0x0a, 0x02, 0x0a, 0x7f]), count: 1 },
        { ...runOf(...texts(2)), count: 3 },
      ]) {
        const written = subject.store.write([{ kind: 'append-events', topic, author: '', events }]);
        await expect(written).rejects.toMatchObject({ kind: 'invalid', reason: 'MALFORMED_MESSAGE' });
      }
      expect(await append(subject.store, topic, texts(1))).toMatchObject({ firstOffset: 1 });
    });

    it('keeps author, content and commit time with each event', async () => {
      const topic = subject.fresh();
      const event = {
        id: 'é-1',
        type: 'order.created',
        subject: 'orders/42',
        time: { seconds: 12n, nanos: 345_678_901 },
        contentType: 'text/plain',
        payload: { $case: 'text', value: 'größer ✓' },
        attributes: new Map([
          ['b', '2'],
          ['a', '1'],
        ]),
        source: '//shop',
      } as const;
      const { commitTimeMs } = await append(subject.store, topic, [event], { author: 'zoë' });
      const { records } = await readAll(subject.store, topic);
      expect(records).toMatchObject([{ offset: 1n, author: 'zoë', event }]);
      expect(timeMsOf(records[0])).toBe(commitTimeMs);
    });

    it('has copied the events when write returns', async () => {
      const topic = subject.fresh();
      const change = appendOf(topic, [text('before')]);
      const writing = subject.store.write([change]);
      change.events.bytes.fill(0);
      await writing;
      expect(await contents(subject.store, topic)).toEqual(['1 before']);
    });

    it('takes events from the middle of a larger buffer', async () => {
      const topic = subject.fresh();
      const { bytes, count } = runOf(text('inside'));
      const larger = new Uint8Array(bytes.length + 20).fill(7);
      larger.set(bytes, 10);
      const events = { bytes: larger.subarray(10, 10 + bytes.length), count };
      await subject.store.write([{ ...appendOf(topic, []), events }]);
      expect(await contents(subject.store, topic)).toEqual(['1 inside']);
    });

    it('stores batches of thousands of events and of a MiB', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(5000));
      await append(subject.store, topic, [text('x'.repeat(300_000)), text('y'.repeat(700_000)), text('end')]);
      const { records } = await readAll(subject.store, topic);
      expect(records.map(({ offset }) => Number(offset))).toEqual(Array.from({ length: 5003 }, (_, i) => i + 1));
      expect(records.map(({ event }) => textOf(event).length).slice(-3)).toEqual([300_000, 700_000, 3]);
      expect(textOf(records[4321]?.event)).toBe('4322');
    });

    it('never lets commit times decrease within a topic', async () => {
      const topic = subject.fresh();
      for (let i = 0; i < 20; i += 1) await append(subject.store, topic, texts(3));
      const times = (await readAll(subject.store, topic)).records.map(timeMsOf);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(new Set(times.slice(0, 3)).size).toBe(1);
    });
  });

  describe('a conditional append', () => {
    const subject = sharedStore(open);

    it('is carried out if the head is where it is expected, from an empty topic on', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, [text('1')], { expectedLastOffset: 0 });
      await append(subject.store, topic, [text('2')], { expectedLastOffset: 1 });
      expect(await contents(subject.store, topic)).toEqual(['1 1', '2 2']);
    });

    it('is refused otherwise, naming the head, and appends nothing', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(2));
      for (const expectedLastOffset of [0, 1, 3]) {
        const refused = await refusalOf(append(subject.store, topic, [text('x')], { expectedLastOffset }));
        expect(refused).toMatchObject({ is: 'conflict OFFSET_CONFLICT', metadata: { last_offset: '2' } });
      }
      expect(await contents(subject.store, topic)).toEqual(['1 1', '2 2']);
    });

    it('is carried out once when many ask for the same place at once', async () => {
      const topic = subject.fresh();
      const asked = texts(10).map((event) => append(subject.store, topic, [event], { expectedLastOffset: 0 }));
      const outcomes = await Promise.allSettled(asked);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await contents(subject.store, topic)).toEqual(['1 1']);
    });

    it('answers as the first time when it is repeated, though the head has moved since', async () => {
      const topic = subject.fresh();
      const events = [text('a', { id: 'a' }), text('b', { id: 'b' })];
      const first = await append(subject.store, topic, events, { expectedLastOffset: 0 });
      await append(subject.store, topic, [text('later')]);
      expect(await append(subject.store, topic, events, { expectedLastOffset: 0 })).toMatchObject({
        accepted: 0,
        duplicates: 2,
        existing: [
          { index: 0, offset: 1, commitTimeMs: first.commitTimeMs },
          { index: 1, offset: 2, commitTimeMs: first.commitTimeMs },
        ],
      });
    });

    it('is refused if only a part of it was there before', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, [text('a', { id: 'a' })]);
      await append(subject.store, topic, [text('later')]);
      const events = [text('a', { id: 'a' }), text('b', { id: 'b' })];
      const refused = await refusalOf(append(subject.store, topic, events, { expectedLastOffset: 0 }));
      expect(refused.is).toBe('conflict OFFSET_CONFLICT');
      expect(await contents(subject.store, topic)).toEqual(['1 a', '2 later']);
    });
  });

  describe('a unit', () => {
    const subject = sharedStore(open);

    it('carries out all its changes, each seeing the ones before', async () => {
      const [one, two] = [subject.fresh(), subject.fresh()];
      const [first, cursor, second, third] = await subject.store.write([
        appendOf(one, texts(2)),
        { kind: 'commit-cursor', topic: one, cursor: 'c', offset: 2, rewind: false },
        appendOf(two, texts(1)),
        appendOf(one, [text('3')], { expectedLastOffset: 2 }),
      ]);
      expect(first).toMatchObject({ lastOffset: 2 });
      expect(cursor).toEqual({ offset: 2, headOffset: 2 });
      expect(second).toMatchObject({ firstOffset: 1 });
      expect(third).toMatchObject({ firstOffset: 3 });
    });

    it('leaves nothing of any change if the last one fails', async () => {
      const [old, made, cursored] = [subject.fresh(), subject.fresh(), subject.fresh()];
      await append(subject.store, old, texts(1));
      const before = await subject.store.topic(old);
      const refused = await refusalOf(
        subject.store.write([
          appendOf(old, [text('2', { id: 'i' })]),
          { kind: 'set-retention', topic: old, maxEvents: 5 },
          { kind: 'commit-cursor', topic: old, cursor: 'c', offset: 2, rewind: false },
          appendOf(old, texts(1), { producer: { producerId: 'p', firstSequence: 1 } }),
          { kind: 'trim-topic', topic: old, firstOffset: 2 },
          appendOf(made, texts(1)),
          { kind: 'set-retention', topic: cursored, maxEvents: 5 },
          appendOf(old, [text('x')], { expectedLastOffset: 99 }),
        ]),
      );
      expect(refused).toMatchObject({ is: 'conflict OFFSET_CONFLICT', metadata: { last_offset: '3' } });
      expect(await subject.store.topic(old)).toEqual(before);
      expect(await subject.store.topic(made)).toBeUndefined();
      expect(await subject.store.topic(cursored)).toBeUndefined();
      expect(await subject.store.cursor(old, 'c')).toBeUndefined();
      expect(await subject.store.producer(old, 'p')).toBeUndefined();
      await append(subject.store, old, [text('other', { id: 'i' })]);
      expect(await contents(subject.store, old)).toEqual(['1 1', '2 other']);
    });
  });

  describe('concurrent writers', () => {
    const subject = ownStore(open);

    it('keep the order of each caller, and the units stand together', async () => {
      const topic = subject.fresh();
      const callers = ['a', 'b', 'c', 'd'];
      const writes: Promise<unknown>[] = [];
      for (let n = 1; n <= 60; n += 1) {
        for (const caller of callers) {
          const events = [text(`${caller} ${n} first`), text(`${caller} ${n} second`)];
          writes.push(append(subject.store, topic, events));
        }
        // Some arrive together, some while a commit is under way.
        if (n % 7 === 0) await writes.at(-1);
      }
      await Promise.all(writes);
      const all = (await readAll(subject.store, topic)).records.map(({ event }) => textOf(event));
      for (const caller of callers) {
        const own = all.filter((value) => value.startsWith(caller));
        expect(own).toEqual(
          Array.from({ length: 60 }, (_, i) => [`${caller} ${i + 1} first`, `${caller} ${i + 1} second`]).flat(),
        );
      }
      const firsts = all.filter((_, index) => index % 2 === 0);
      expect(firsts.every((value) => value.endsWith('first'))).toBe(true);
    });

    it('fail alone: units before and behind a failing one commit', async () => {
      const topic = subject.fresh();
      const outcomes = await Promise.allSettled([
        append(subject.store, topic, [text('1')]),
        append(subject.store, topic, [text('never'), text('never')], { expectedLastOffset: 77 }),
        append(subject.store, topic, [text('2')]),
        subject.store.write([
          appendOf(topic, [text('never')]),
          appendOf(subject.fresh(), [text('never')], { producer: { producerId: 'p', firstSequence: 9 } }),
        ]),
        append(subject.store, topic, [text('3')], { expectedLastOffset: 2 }),
      ]);
      expect(outcomes.map(({ status }) => status[0])).toEqual(['f', 'r', 'f', 'r', 'f']);
      expect(await contents(subject.store, topic)).toEqual(['1 1', '2 2', '3 3']);
    });

    it('see the result of a write when it has resolved', async () => {
      const topic = subject.fresh();
      const results = await Promise.all(
        texts(50).map(async (event) => {
          const { lastOffset } = await append(subject.store, topic, [event]);
          const { head } = await subject.store.readPage(topic, lastOffset - 1, { limit: 1 });
          return head >= lastOffset;
        }),
      );
      expect(results).not.toContain(false);
    });
  });

  describe('a chain', () => {
    const subject = sharedStore(open);

    it('commits exactly a prefix: nothing behind its first failure, whenever that is written', async () => {
      const topic = subject.fresh();
      const chain = {};
      const write = (value: string, expectedLastOffset?: number) =>
        subject.store.write([appendOf(topic, [text(value)], { expectedLastOffset })], { chain });
      const early = [write('1'), write('2', 1), write('never', 77), write('never'), write('never')];
      const other = append(subject.store, topic, [text('of another')]);
      const outcomes = await Promise.allSettled(early);
      const late = await refusalOf(write('never'));
      expect(outcomes.map(({ status }) => status[0]).join('')).toBe('ffrrr');
      expect((await refusalOf(early[2] as Promise<unknown>)).is).toBe('conflict OFFSET_CONFLICT');
      expect((await refusalOf(early[4] as Promise<unknown>)).is).toBe('conflict CHAIN_BROKEN');
      expect(late.is).toBe('conflict CHAIN_BROKEN');
      await other;
      expect((await contents(subject.store, topic)).filter((line) => line.includes('never'))).toEqual([]);
      await subject.store.write([appendOf(topic, [text('again')])], { chain: {} });
    });

    it('breaks, too, for what is written while its failure is on the way back', async () => {
      for (let i = 0; i < 10; i += 1) {
        const topic = subject.fresh();
        const chain = {};
        const failing = subject.store.write([appendOf(topic, texts(1), { expectedLastOffset: 77 })], { chain });
        const refused = refusalOf(failing);
        await turn();
        const behind = await refusalOf(subject.store.write([appendOf(topic, [text('never')])], { chain }));
        expect([(await refused).is, behind.is]).toEqual(['conflict OFFSET_CONFLICT', 'conflict CHAIN_BROKEN']);
        expect(await subject.store.topic(topic)).toBeUndefined();
      }
    });
  });
}

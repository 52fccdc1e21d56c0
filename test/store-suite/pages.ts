import { describe, expect, it } from '@jest/globals';
import { refusalOf } from './conditions.js';
import { append, bulky, matchType, readAll, recordsOf, text, texts, timeMsOf } from './events.js';
import { sharedStore } from './opened.js';
import type { OpenStore } from './opened.js';
import type { ReadOptions } from '../../src/store/store.js';
import { until } from '../support/until.js';

const KIB = 1024;

export function pagesSuite(open: OpenStore): void {
  describe('readPage', () => {
    const subject = sharedStore(open);

    async function offsets(topic: string, after: number, options = {}): Promise<number[]> {
      return recordsOf(await subject.store.readPage(topic, after, options)).map(({ offset }) => Number(offset));
    }

    it('reads a topic that was never written to as an empty log', async () => {
      const page = await subject.store.readPage(subject.fresh(), 0);
      expect(page).toMatchObject({ count: 0, scannedTo: 0, head: 0 });
      expect(page.bytes).toHaveLength(0);
    });

    it('reads on after any offset, over events that were written together or one by one', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(10));
      for (const event of texts(5)) await append(subject.store, topic, [event]);
      for (let after = 0; after <= 15; after += 1) {
        const page = await subject.store.readPage(topic, after);
        expect(page).toMatchObject({ count: 15 - after, scannedTo: 15, head: 15 });
        expect(await offsets(topic, after)).toEqual(Array.from({ length: 15 - after }, (_, i) => after + 1 + i));
      }
    });

    it('answers at the head with an empty page', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(3));
      expect(await subject.store.readPage(topic, 3)).toMatchObject({ count: 0, scannedTo: 3, head: 3 });
    });

    it('holds at most 64 KiB, or one larger record', async () => {
      const topic = subject.fresh();
      const sizes = [30, 30, 30, 200, 1, 60, 3, 100, 100];
      await append(
        subject.store,
        topic,
        sizes.map((size) => bulky(size * KIB)),
      );
      for (const size of [10, 50, 10]) await append(subject.store, topic, [bulky(size * KIB)]);
      const { records, pages } = await readAll(subject.store, topic);
      expect(records.map(({ offset }) => Number(offset))).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
      for (const page of pages) expect(page.bytes.length <= 64 * KIB || page.count === 1).toBe(true);
      expect(pages.length).toBeLessThanOrEqual(12);
    });

    it('fills its pages: many small events do not come in many small pages', async () => {
      const topic = subject.fresh();
      await append(
        subject.store,
        topic,
        Array.from({ length: 4000 }, () => bulky(100)),
      );
      const { pages } = await readAll(subject.store, topic);
      const stored = pages.reduce((sum, page) => sum + page.bytes.length, 0);
      expect(pages.length).toBeLessThanOrEqual(Math.ceil(stored / (32 * KIB)) + 1);
    });

    it('stops at the limit, counted in matches', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(10));
      expect(await subject.store.readPage(topic, 2, { limit: 3 })).toMatchObject({ count: 3, scannedTo: 5, head: 10 });
      await append(subject.store, topic, [text('x', { type: 'rare' }), text('y'), text('z', { type: 'rare' })]);
      const page = await subject.store.readPage(topic, 0, { limit: 1, matcher: matchType('rare') });
      expect(recordsOf(page).map(({ offset }) => offset)).toEqual([11n]);
      expect(page.scannedTo).toBeGreaterThanOrEqual(11);
      expect(page.scannedTo).toBeLessThan(13);
    });

    it('stops at the last offset asked for', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(10));
      expect(await subject.store.readPage(topic, 2, { last: 7 })).toMatchObject({ count: 5, scannedTo: 7, head: 10 });
      expect(await subject.store.readPage(topic, 0, { last: 7 })).toMatchObject({ count: 7, scannedTo: 7, head: 10 });
      expect(await subject.store.readPage(topic, 2, { last: 99 })).toMatchObject({ count: 8, scannedTo: 10, head: 10 });
      for (const last of [4, 3, 0]) {
        expect(await subject.store.readPage(topic, 4, { last })).toMatchObject({ count: 0, scannedTo: 4, head: 10 });
      }
      const page = await subject.store.readPage(topic, 0, { last: 5, matcher: matchType('rare') });
      expect(page).toMatchObject({ count: 0, scannedTo: 5, head: 10 });
    });

    it('leaves out what does not match, and tells how far it looked', async () => {
      const topic = subject.fresh();
      for (let i = 0; i < 30; i += 1) {
        const type = i % 3 === 0 ? 'third' : 'other';
        await append(subject.store, topic, [text('a', { type }), text('b', { type: 'other' })]);
      }
      const page = await subject.store.readPage(topic, 0, { matcher: matchType('third') });
      expect(recordsOf(page).map(({ offset }) => Number(offset))).toEqual(
        Array.from({ length: 10 }, (_, i) => 6 * i + 1),
      );
      expect(page).toMatchObject({ count: 10, scannedTo: 60, head: 60 });
      expect(await offsets(topic, 7, { matcher: matchType('third') })).toEqual([13, 19, 25, 31, 37, 43, 49, 55]);
    });

    it('may pass over what cannot match by its types, and misses nothing', async () => {
      const topic = subject.fresh();
      await append(
        subject.store,
        topic,
        Array.from({ length: 300 }, () => text('a', { type: 'a' })),
      );
      await append(subject.store, topic, [text('b', { type: 'b' }), text('a', { type: 'a' })]);
      await append(
        subject.store,
        topic,
        Array.from({ length: 300 }, () => text('a', { type: 'a' })),
      );
      const matcher = { ...matchType('b'), mayMatch: (types: readonly string[]) => types.includes('b') };
      const { records, pages } = await readAll(subject.store, topic, 0, { matcher });
      expect(records.map(({ offset }) => offset)).toEqual([301n]);
      expect(pages.at(-1)).toMatchObject({ scannedTo: 602, head: 602 });
      const partly = await subject.store.readPage(topic, 100, { matcher, last: 250 });
      expect(partly).toMatchObject({ count: 0, scannedTo: 250 });
    });

    it('scans at most 4,096 events, matched or not', async () => {
      const topic = subject.fresh();
      for (let i = 0; i < 3; i += 1) await append(subject.store, topic, texts(3000));
      const matcher = matchType('none');
      const page = await subject.store.readPage(topic, 0, { matcher });
      expect(page).toMatchObject({ count: 0, head: 9000 });
      expect(page.scannedTo).toBeGreaterThan(0);
      expect(page.scannedTo).toBeLessThanOrEqual(4096);
      const { pages } = await readAll(subject.store, topic, 0, { matcher });
      expect(pages.at(-1)?.scannedTo).toBe(9000);
      expect(pages.length).toBeLessThanOrEqual(5);
    });

    it('scans at most 1 MiB, matched or not', async () => {
      const topic = subject.fresh();
      for (let i = 0; i < 3; i += 1)
        await append(
          subject.store,
          topic,
          Array.from({ length: 9 }, () => bulky(100 * KIB)),
        );
      const page = await subject.store.readPage(topic, 0, { matcher: matchType('none') });
      expect(page.count).toBe(0);
      // The event that passes the bound may be counted before or after it.
      expect(page.scannedTo).toBeGreaterThanOrEqual(1);
      expect(page.scannedTo).toBeLessThanOrEqual(11);
    });

    it('refuses to read beyond the head, and names it', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(2));
      expect(await refusalOf(subject.store.readPage(topic, 3))).toMatchObject({
        is: 'out-of-range OFFSET_BEYOND_HEAD',
        metadata: { head_offset: '2' },
      });
      expect((await refusalOf(subject.store.readPage(subject.fresh(), 1))).metadata).toMatchObject({
        head_offset: '0',
      });
    });

    it('refuses to read what is trimmed, and names the first kept offset: never a silent skip', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(10));
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 4 }]);
      for (const options of [{}, { last: 2 }, { limit: 1 }, { matcher: matchType('none') }]) {
        expect(await refusalOf(subject.store.readPage(topic, 2, options))).toMatchObject({
          is: 'out-of-range OFFSET_TRIMMED',
          metadata: { first_offset: '4' },
        });
      }
      expect(await offsets(topic, 3)).toEqual([4, 5, 6, 7, 8, 9, 10]);
    });

    it('gives many readers the same, while others write', async () => {
      const topic = subject.fresh();
      const writing = Promise.all(texts(40).map((event) => append(subject.store, topic, [event])));
      await writing;
      const read = await Promise.all(Array.from({ length: 20 }, (_, i) => offsets(topic, i)));
      read.forEach((seen, i) => expect(seen).toEqual(Array.from({ length: 40 - i }, (_, n) => i + 1 + n)));
      await append(subject.store, topic, [text('41')]);
      expect((await offsets(topic, 0)).at(-1)).toBe(41);
    });
  });

  describe('commitTime', () => {
    const subject = sharedStore(open);

    /** Ten commits of 1 to 40 events, each in a millisecond of its own. */
    async function appendSlowly(topic: string): Promise<number[]> {
      for (let commit = 0; commit < 10; commit += 1) {
        const { commitTimeMs } = await append(subject.store, topic, texts(1 + ((commit * 13) % 40)));
        await until(() => Date.now() > commitTimeMs);
      }
      return (await readAll(subject.store, topic)).records.map(timeMsOf);
    }

    it('is that of the event at the offset, of every event, and 0 where there is none', async () => {
      const topic = subject.fresh();
      const times = await appendSlowly(topic);
      expect(new Set(times).size).toBe(10);
      const asked = times.map((_, index) => subject.store.commitTime(topic, index + 1));
      expect(await Promise.all(asked)).toEqual(times);
      expect(await subject.store.commitTime(topic, 0)).toBe(0);
      expect(await subject.store.commitTime(topic, times.length + 1)).toBe(0);
      expect(await subject.store.commitTime(subject.fresh(), 1)).toBe(0);
    });

    it('is in every page that of its last event that was looked at, whatever ends the page', async () => {
      const topic = subject.fresh();
      const times = await appendSlowly(topic);
      const bounds: ReadOptions[] = [
        {},
        { limit: 3 },
        { maxBytes: 100 },
        { matcher: matchType('none') },
        { matcher: { ...matchType('none'), mayMatch: () => false } },
      ];
      for (const options of bounds) {
        const { pages } = await readAll(subject.store, topic, 0, options);
        for (const { scannedTo, commitTimeMs } of pages) expect(commitTimeMs).toBe(times[scannedTo - 1]);
        for (let last = 1; last <= times.length; last += 7) {
          const { scannedTo, commitTimeMs } = await subject.store.readPage(topic, 0, { ...options, last });
          expect(commitTimeMs).toBe(times[scannedTo - 1]);
        }
      }
    });

    it('is unknown of what is trimmed, but for the head', async () => {
      const topic = subject.fresh();
      const times = await appendSlowly(topic);
      const head = times.length;
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 20 }]);
      expect(await subject.store.commitTime(topic, 19)).toBe(0);
      expect(await subject.store.commitTime(topic, 20)).toBe(times[19]);
      await subject.store.write([{ kind: 'delete-topic', topic }]);
      expect(await subject.store.commitTime(topic, 20)).toBe(0);
      expect(await subject.store.commitTime(topic, head)).toBe(times.at(-1));
      expect((await subject.store.readPage(topic, head)).commitTimeMs).toBe(times.at(-1));
    });
  });

  describe('offsetAtTime', () => {
    const subject = sharedStore(open);

    it('finds the first kept offset at or after a time, by halves and by single milliseconds', async () => {
      const topic = subject.fresh();
      for (let i = 0; i < 30; i += 1) await append(subject.store, topic, texts((i % 4) + 1));
      const { records } = await readAll(subject.store, topic);
      const times = records.map(timeMsOf);
      const [first, last] = [times[0] ?? 0, times.at(-1) ?? 0];
      for (const time of new Set([0, first - 1, ...times, ...times.map((each) => each + 1), last + 60_000])) {
        const index = times.findIndex((each) => each >= time);
        expect(await subject.store.offsetAtTime(topic, time)).toBe(index < 0 ? times.length + 1 : index + 1);
      }
    });

    it('passes over what is trimmed', async () => {
      const topic = subject.fresh();
      await append(subject.store, topic, texts(10));
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 4 }]);
      expect(await subject.store.offsetAtTime(topic, 0)).toBe(4);
      await subject.store.write([{ kind: 'trim-topic', topic, firstOffset: 11 }]);
      expect(await subject.store.offsetAtTime(topic, 0)).toBe(11);
    });

    it('is where the first event will be for a topic that was never written to', async () => {
      expect(await subject.store.offsetAtTime(subject.fresh(), 0)).toBe(1);
    });
  });
}

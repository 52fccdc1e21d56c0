import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { tail } from '../../src/streams/tail.js';
import { createTurns, type TakeTurn } from '../../src/streams/turns.js';
import { never, timers } from './tail-helpers.js';

const TAILS = 40;
const PAGES = 10;

/** So many tails that find nothing in ten pages each; reading one takes `pageMs` on a clock of its own. */
function scanMany(pageMs: number) {
  let clock = 0;
  const reads: number[] = [];
  const takeTurn = createTurns(() => clock);
  const scans = Array.from({ length: TAILS }, async (_, reader) => {
    const source = {
      readPage: async (after: number) => {
        clock += pageMs;
        reads.push(reader);
        return { count: 0, scannedTo: after + 1, head: PAGES };
      },
      onWake: () => () => undefined,
    };
    const { signal } = new AbortController();
    for await (const _ of tail(source, { after: 0, follow: false, heartbeatMs: never, signal, takeTurn }));
  });
  return { reads, done: Promise.all(scans) };
}

/** How many pages were read between two turns of somebody else, from the second page of each tail on. */
async function readsPerTurn({ reads, done }: ReturnType<typeof scanMany>): Promise<number[]> {
  await Promise.resolve();
  const counts: number[] = [];
  while (reads.length < TAILS) await Promise.resolve();
  for (let before = reads.length; reads.length < TAILS * PAGES; before = reads.length) {
    await turn();
    counts.push(reads.length - before);
  }
  await done;
  return counts;
}

describe('turns of the event loop', () => {
  it.each([
    [4, 2],
    [6, 1],
    [20, 1],
    [1.5, 4],
  ])('that are shared by many tails whose pages take %d ms end after %d pages', async (pageMs, pages) => {
    const scans = scanMany(pageMs);
    const counts = await readsPerTurn(scans);
    expect(Math.max(...counts)).toBe(pages);
    const inOrder = Array.from({ length: TAILS * PAGES }, (_, index) => index % TAILS);
    expect(scans.reads).toEqual(inOrder);
  });

  it('become shorter again when they take longer', async () => {
    let clock = 0;
    let pageMs = 0;
    const takeTurn = createTurns(() => clock);
    let goneOn = 0;
    const { signal } = new AbortController();
    const loop = async () => {
      for (let i = 0; i < 50; i++, goneOn++, clock += pageMs) await takeTurn(signal);
    };
    const loops = Promise.all(Array.from({ length: 32 }, loop));
    while (goneOn < 300) await turn();
    pageMs = 11;
    for (let i = 0; i < 10; i++) await turn();
    const before = goneOn;
    await turn();
    expect(goneOn - before).toBe(1);
    pageMs = 0;
    await loops;
  });

  const aborting: readonly (readonly [string, (takeTurn: TakeTurn, other: AbortSignal) => unknown])[] = [
    ['while nobody else waits', () => undefined],
    ['behind somebody else', (takeTurn, other) => takeTurn(other)],
  ];
  it.each(aborting)('are not waited for after an abort, %s, and nothing is left', async (_, before) => {
    const takeTurn = createTurns();
    const [abort, other] = [new AbortController(), new AbortController()];
    const timersBefore = timers();
    const first = before(takeTurn, other.signal);
    const waiting = takeTurn(abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await expect(takeTurn(abort.signal)).rejects.toMatchObject({ name: 'AbortError' });
    await first;
    await turn();
    expect(timers()).toBe(timersBefore);
    for (const { signal } of [abort, other]) expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { tail } from '../../src/streams/tail.js';
import { ModelLog } from './model-log.js';
import { collect, collectStates, leftovers, never, setUp, take, timers, untilWaiting } from './tail-helpers.js';

describe('tail', () => {
  it('yields at once on an empty log, live', async () => {
    const { items } = setUp(new ModelLog());
    expect(await take(items)).toMatchObject({ state: 'live', page: { count: 0, scannedTo: 0, head: 0 } });
    await items.return();
  });

  it('replays, then delivers what is appended while it waits', async () => {
    const log = new ModelLog();
    log.append(true, true, true);
    const { items } = setUp(log);
    expect(await take(items)).toMatchObject({ state: 'replaying', page: { matches: [1, 2] } });
    expect(await take(items)).toMatchObject({ state: 'live', page: { matches: [3] } });
    const next = take(items);
    await untilWaiting(log, 2);
    log.append(true);
    expect(await next).toMatchObject({ state: 'live', page: { matches: [4] } });
    await items.return();
  });

  it('sees an event that is appended, with its hint, between the look at the log and the answer', async () => {
    const log = new ModelLog({ turnsAfter: 3 });
    const { items } = setUp(log);
    const first = take(items);
    await turn();
    log.append(true);
    expect(await first).toMatchObject({ page: { matches: [] } });
    expect(await take(items)).toMatchObject({ page: { matches: [1] } });
    await items.return();
  });

  it('makes up for lost hints by its heartbeat', async () => {
    const log = new ModelLog();
    log.wakeMode = 'lost';
    const { items } = setUp(log, { heartbeatMs: 2 });
    await take(items);
    log.append(true);
    let item = await take(items);
    while (item.page.count === 0) item = await take(items);
    expect(item.page.matches).toEqual([1]);
    await items.return();
  });

  it('sends a heartbeat without matches, with the position and head of the time', async () => {
    const log = new ModelLog();
    log.append(true);
    const { items } = setUp(log, { heartbeatMs: 2 });
    await take(items);
    expect(await take(items)).toMatchObject({ state: 'live', page: { count: 0, scannedTo: 1, head: 1 } });
    await items.return();
  });

  it('passes over pages without matches, and lets the event loop turn after each of them', async () => {
    const log = new ModelLog({ pageScan: 1 });
    log.append(...Array<boolean>(200).fill(false), true);
    const { items } = setUp(log);
    expect(await take(items)).toMatchObject({ state: 'replaying', page: { scannedTo: 1 } });
    let waits = 0;
    let waiting = true;
    const others = (async () => {
      for (; waiting; waits += 1) await turn();
    })();
    expect(await take(items)).toMatchObject({ state: 'live', page: { matches: [201] } });
    waiting = false;
    await others;
    expect(waits).toBeGreaterThanOrEqual(199);
    await items.return();
  });

  it('tells its progress through what does not match when the heartbeat is due', async () => {
    const log = new ModelLog({ pageScan: 1, turnsAfter: 1 });
    log.append(...Array<boolean>(2000).fill(false));
    const { items } = setUp(log, { heartbeatMs: 0 });
    expect(await take(items)).toMatchObject({ state: 'replaying', page: { count: 0, scannedTo: 1 } });
    expect(await take(items)).toMatchObject({ state: 'replaying', page: { count: 0, scannedTo: 2 } });
    await items.return();
  });

  it('falls behind after two full pages in a row, and is live again at the head', async () => {
    const log = new ModelLog({ pageMatches: 2 });
    const { items } = setUp(log);
    expect((await take(items)).state).toBe('live');
    log.append(...Array<boolean>(7).fill(true));
    expect((await collectStates(items, 4)).join(' ')).toBe('live fell-behind fell-behind live');
    await items.return();
  });

  it('ends without following at the head as it was at the start', async () => {
    const log = new ModelLog();
    log.append(true, true, true);
    const { items } = setUp(log, { follow: false });
    expect(await take(items)).toMatchObject({ state: 'replaying', page: { matches: [1, 2] } });
    log.append(true, true);
    expect(await collect(items)).toMatchObject([{ state: 'complete', page: { matches: [3] } }]);
  });

  it.each([
    ['an empty log without following', { follow: false }, 0],
    ['an end before the start', { last: 2, after: 3 }, 3],
    ['an end at the start', { last: 3, after: 3 }, 3],
  ])('is complete at once: %s', async (_name, options, events) => {
    const log = new ModelLog();
    log.append(...Array<boolean>(events).fill(true));
    expect(await collect(setUp(log, options).items)).toMatchObject([{ state: 'complete', page: { count: 0 } }]);
  });

  it('waits for the last offset asked for, and delivers nothing above it', async () => {
    const log = new ModelLog();
    log.append(true);
    const { items } = setUp(log, { last: 3 });
    expect(await take(items)).toMatchObject({ state: 'live', page: { matches: [1] } });
    log.append(true, false, true, true);
    expect(await collect(items)).toMatchObject([{ state: 'complete', page: { matches: [2], scannedTo: 3 } }]);
  });

  it('ends after the limit, counted in matches over all pages', async () => {
    const log = new ModelLog();
    log.append(false, true, true, false, true, true);
    const items = await collect(setUp(log, { limit: 3 }).items);
    expect(items.flatMap((item) => item.page.matches)).toEqual([2, 3, 5]);
    expect(items.map((item) => item.state)).toEqual(['replaying', 'complete']);
  });

  it('ends when the source says that nothing more can come', async () => {
    const log = new ModelLog();
    log.append(true, true, true, true);
    const source = {
      onWake: (callback: () => void) => log.onWake(callback),
      readPage: async (after: number) => ({ ...(await log.readPage(after, {})), final: after === 2 }),
    };
    const items = tail(source, { after: 0, follow: true, heartbeatMs: never, signal: new AbortController().signal });
    expect((await collect(items)).map((item) => item.state)).toEqual(['replaying', 'complete']);
  });

  it('passes on what a read throws, and leaves nothing behind', async () => {
    const log = new ModelLog();
    log.append(true, true);
    log.trim(3);
    const { abort, items } = setUp(log);
    const before = timers();
    await expect(items.next()).rejects.toMatchObject({ firstOffset: 3 });
    expect(await items.next()).toEqual({ done: true, value: undefined });
    expect(leftovers(log, abort.signal)).toEqual({ subscriptions: 0, listeners: 0 });
    expect(timers()).toBe(before);
  });

  it('reads nothing while nobody asks', async () => {
    const log = new ModelLog();
    const { items } = setUp(log);
    await take(items);
    log.append(true);
    for (let i = 0; i < 20; i += 1) await turn();
    expect(log.reads).toBe(1);
    await items.return();
  });

  it('is woken by a hint that means nothing without yielding anything', async () => {
    const log = new ModelLog();
    const { items } = setUp(log);
    await take(items);
    const next = take(items);
    await untilWaiting(log, 1);
    log.ring();
    await untilWaiting(log, 2);
    log.append(true);
    expect((await next).page.matches).toEqual([1]);
    await items.return();
  });
});

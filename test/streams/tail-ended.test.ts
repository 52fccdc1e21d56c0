import { describe, expect, it } from '@jest/globals';
import { ModelLog } from './model-log.js';
import { collect, leftovers, setUp, take, timers, untilWaiting } from './tail-helpers.js';

describe('a tail that is ended', () => {
  const stages: readonly [string, (log: ModelLog) => Promise<void>][] = [
    ['while it reads', async () => undefined],
    ['while it waits at the head', (log) => untilWaiting(log, 2)],
  ];

  it.each(stages)('throws AbortError on abort %s, and leaves nothing behind', async (_stage, reach) => {
    const log = new ModelLog({ turnsBefore: 2 });
    const { abort, items } = setUp(log);
    const before = timers();
    await take(items);
    const next = items.next();
    log.ring();
    await reach(log);
    expect(log.subscriptions).toBe(1);
    abort.abort();
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });
    await untilWaiting(log, 0);
    expect(leftovers(log, abort.signal)).toEqual({ subscriptions: 0, listeners: 0 });
    expect(timers()).toBe(before);
  });

  it.each(stages)('ends by return() %s, and leaves nothing behind', async (_stage, reach) => {
    const log = new ModelLog({ turnsBefore: 2 });
    const { abort, items } = setUp(log);
    const before = timers();
    await take(items);
    const next = items.next();
    log.ring();
    await reach(log);
    expect(log.subscriptions).toBe(1);
    await items.return();
    expect((await next).done).toBe(true);
    await untilWaiting(log, 0);
    expect(leftovers(log, abort.signal)).toEqual({ subscriptions: 0, listeners: 0 });
    expect(timers()).toBe(before);
  });

  it('leaves nothing behind when a loop over it breaks', async () => {
    const log = new ModelLog();
    const { abort, items } = setUp(log);
    const before = timers();
    for await (const { state } of items) if (state === 'live') break;
    expect(leftovers(log, abort.signal)).toEqual({ subscriptions: 0, listeners: 0 });
    expect(timers()).toBe(before);
  });

  it('never subscribes if it was aborted before, was ended before its first item, or does not follow', async () => {
    const log = new ModelLog();
    const aborted = setUp(log);
    aborted.abort.abort();
    await expect(aborted.items.next()).rejects.toMatchObject({ name: 'AbortError' });
    const returned = setUp(log);
    await returned.items.return();
    expect((await returned.items.next()).done).toBe(true);
    await collect(setUp(log, { follow: false }).items);
    expect(log.reads).toBe(1);
    expect(log.subscriptions).toBe(0);
  });

  it('is aborted between two items, too', async () => {
    const log = new ModelLog();
    const { abort, items } = setUp(log);
    await take(items);
    abort.abort();
    await expect(items.next()).rejects.toMatchObject({ name: 'AbortError' });
    expect(log.subscriptions).toBe(0);
  });
});

import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { yieldToEventLoop } from '../../src/streams/pacing.js';
import { timers } from './tail-helpers.js';

describe('yieldToEventLoop', () => {
  it('lets what is due on the event loop go first', async () => {
    const order: string[] = [];
    setImmediate(() => order.push('other'));
    await yieldToEventLoop(new AbortController().signal);
    order.push('mine');
    expect(order).toEqual(['other', 'mine']);
  });

  it('throws AbortError on abort, before or during the wait, and leaves nothing behind', async () => {
    const { signal } = new AbortController();
    const abort = new AbortController();
    const before = timers();
    const waiting = yieldToEventLoop(abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await expect(yieldToEventLoop(abort.signal)).rejects.toMatchObject({ name: 'AbortError' });
    await yieldToEventLoop(signal);
    expect(timers()).toBe(before);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  });
});

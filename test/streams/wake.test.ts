import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { createWake } from '../../src/streams/wake.js';
import { never, timers } from './tail-helpers.js';

function setUp() {
  const callbacks = new Set<() => void>();
  const wake = createWake((callback) => {
    callbacks.add(callback);
    return () => void callbacks.delete(callback);
  });
  const controller = new AbortController();
  return { callbacks, wake, controller, ring: () => callbacks.forEach((callback) => callback()) };
}

describe('createWake', () => {
  it('ends a wait that is under way', async () => {
    const { wake, controller, ring } = setUp();
    wake.arm();
    const waiting = wake.wait(never, controller.signal);
    ring();
    await waiting;
  });

  it('ends a wait that begins after the hint', async () => {
    const { wake, controller, ring } = setUp();
    wake.arm();
    ring();
    ring();
    await wake.wait(never, controller.signal);
  });

  it('forgets earlier hints when it is armed', async () => {
    const { wake, controller, ring } = setUp();
    wake.arm();
    ring();
    wake.arm();
    let ended = false;
    const waiting = wake.wait(never, controller.signal).then(() => (ended = true));
    // The sentinel takes the way that a wait with a hint takes.
    const sentinel = setUp();
    sentinel.wake.arm();
    sentinel.ring();
    await sentinel.wake.wait(never, controller.signal);
    expect(ended).toBe(false);
    ring();
    await waiting;
  });

  it('ends a wait when its time is over', async () => {
    const { wake, controller } = setUp();
    wake.arm();
    await wake.wait(1, controller.signal);
  });

  it('subscribes once, with the first arm, and not again after close', () => {
    const { wake, callbacks } = setUp();
    expect(callbacks.size).toBe(0);
    wake.arm();
    wake.arm();
    expect(callbacks.size).toBe(1);
    wake.close();
    wake.close();
    wake.arm();
    expect(callbacks.size).toBe(0);
    expect(wake.closed).toBe(true);
  });

  it.each(['hint', 'time', 'abort', 'close'])('leaves no timer and no listener when a wait ends by %s', async (how) => {
    const { wake, controller, ring } = setUp();
    const before = timers();
    wake.arm();
    const waiting = wake.wait(how === 'time' ? 1 : never, controller.signal);
    if (how === 'hint') ring();
    if (how === 'abort') controller.abort();
    if (how === 'close') wake.close();
    if (how === 'abort') await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    else await waiting;
    expect(timers()).toBe(before);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});

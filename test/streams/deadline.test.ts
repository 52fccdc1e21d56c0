import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { withDeadline } from '../../src/streams/deadline.js';
import { timers } from './tail-helpers.js';

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

describe('withDeadline', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('aborts when the time has come, and leaves nothing behind', async () => {
    const parent = new AbortController();
    const before = timers();
    const deadline = withDeadline(parent.signal, Date.now() + 2);
    expect(deadline.expired).toBe(false);
    await aborted(deadline.signal);
    expect(deadline.expired).toBe(true);
    expect(deadline.signal.reason).toMatchObject({ name: 'AbortError' });
    expect(timers()).toBeLessThanOrEqual(before);
    expect(getEventListeners(parent.signal, 'abort')).toHaveLength(0);
  });

  it('is expired at once if the time is past', () => {
    const deadline = withDeadline(new AbortController().signal, Date.now() - 1);
    expect(deadline).toMatchObject({ expired: true, signal: { aborted: true } });
  });

  it('aborts with its parent and its reason, is not expired then, and leaves nothing behind', () => {
    const parent = new AbortController();
    const before = timers();
    const deadline = withDeadline(parent.signal, Date.now() + 60_000);
    const reason = new Error('gone');
    parent.abort(reason);
    expect(deadline).toMatchObject({ expired: false, signal: { aborted: true } });
    expect(deadline.signal.reason).toBe(reason);
    expect(timers()).toBeLessThanOrEqual(before);
    expect(getEventListeners(parent.signal, 'abort')).toHaveLength(0);
  });

  it('is aborted from the beginning if its parent is', () => {
    const deadline = withDeadline(AbortSignal.abort(), Infinity);
    expect(deadline).toMatchObject({ expired: false, signal: { aborted: true } });
  });

  it('leaves neither timer nor listener when it is disposed of, and does not abort any more', () => {
    const parent = new AbortController();
    const before = timers();
    const deadline = withDeadline(parent.signal, Date.now() + 60_000);
    expect(timers()).toBeLessThanOrEqual(before + 1);
    deadline.dispose();
    deadline.dispose();
    parent.abort();
    expect(deadline.signal.aborted).toBe(false);
    expect(timers()).toBeLessThanOrEqual(before);
  });

  it('sets no timer for a time that never comes', () => {
    const before = timers();
    const deadline = withDeadline(new AbortController().signal, Infinity);
    expect(timers()).toBeLessThanOrEqual(before);
    deadline.dispose();
  });

  it('waits longer than one timer of Node can', () => {
    jest.useFakeTimers();
    const thirtyDaysMs = 30 * 86_400_000;
    const deadline = withDeadline(new AbortController().signal, Date.now() + thirtyDaysMs);
    jest.advanceTimersByTime(thirtyDaysMs - 1);
    expect(deadline.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(deadline.expired).toBe(true);
  });
});

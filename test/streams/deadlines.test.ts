import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createDeadlines } from '../../src/streams/deadlines.js';
import { SLICE_ITEMS } from '../../src/streams/in-slices.js';

describe('createDeadlines', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  function opened() {
    const due: string[] = [];
    return { due, deadlines: createDeadlines<string>((item) => due.push(item)) };
  }

  it('calls for each item when its time has come, never before, with one timer', () => {
    const { deadlines, due } = opened();
    deadlines.set('late', 5_000);
    deadlines.set('soon', 1_000);
    deadlines.set('soon too', 1_000);
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(999);
    expect(due).toEqual([]);
    jest.advanceTimersByTime(101);
    expect(due).toEqual(['soon', 'soon too']);
    jest.advanceTimersByTime(4_000);
    expect(due).toEqual(['soon', 'soon too', 'late']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('has one time for each item: the last that was set', () => {
    const { deadlines, due } = opened();
    deadlines.set('a', 1_000);
    deadlines.set('a', 3_000);
    deadlines.set('b', 3_000);
    deadlines.set('b', 1_000);
    jest.advanceTimersByTime(1_100);
    expect(due).toEqual(['b']);
    jest.advanceTimersByTime(2_000);
    expect(due).toEqual(['b', 'a']);
  });

  it('splits many items that are due together over several timers, in order', () => {
    const { deadlines, due } = opened();
    const items = Array.from({ length: 2 * SLICE_ITEMS + 1 }, (_none, index) => String(index));
    for (const item of items) deadlines.set(item, 1_000);
    jest.advanceTimersToNextTimer();
    expect(due).toEqual(items.slice(0, SLICE_ITEMS));
    jest.advanceTimersToNextTimer(2);
    expect(due).toEqual(items);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('keeps no timer when nobody waits', () => {
    const { deadlines, due } = opened();
    deadlines.set('a', 1_000);
    deadlines.clear('a');
    deadlines.clear('a');
    expect([deadlines.size, jest.getTimerCount()]).toEqual([0, 0]);
    deadlines.set('a', 1_000);
    jest.advanceTimersByTime(1_100);
    expect(due).toEqual(['a']);
  });

  it('lets an item be set again when it is due', () => {
    let count = 0;
    const deadlines = createDeadlines<string>((item) => ++count < 3 && deadlines.set(item, 1_000));
    deadlines.set('a', 0);
    jest.advanceTimersByTime(10_000);
    expect([count, deadlines.size]).toEqual([3, 0]);
  });

  it('does not call for what was cleared, or set again, by an item before it', () => {
    const due: string[] = [];
    const deadlines = createDeadlines<string>((item) => {
      due.push(item);
      if (item !== 'first') return;
      deadlines.clear('cleared');
      deadlines.set('set again', 1_000);
    });
    for (const item of ['first', 'cleared', 'set again']) deadlines.set(item, 100);
    jest.advanceTimersByTime(500);
    expect(due).toEqual(['first']);
    jest.advanceTimersByTime(1_000);
    expect(due).toEqual(['first', 'set again']);
  });
});

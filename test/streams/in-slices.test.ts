import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { inSlices, SLICE_ITEMS } from '../../src/streams/in-slices.js';

describe('work in slices', () => {
  it('handles the first items at once, and the others in order, a slice in each turn', async () => {
    const items = Array.from({ length: 2 * SLICE_ITEMS + 1 }, (_none, index) => index);
    const handled: number[] = [];
    const all = inSlices(items, (item) => void handled.push(item));
    expect(handled).toEqual(items.slice(0, SLICE_ITEMS));
    await nextTurn();
    expect(handled).toEqual(items.slice(0, 2 * SLICE_ITEMS));
    await all;
    expect(handled).toEqual(items);
  });

  it('ends at once without items', async () => {
    await inSlices([], () => {
      throw new Error('called');
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createWindowBudget } from '../../src/flow/window-budget.js';
import { createWindowSize } from '../../src/flow/window-size.js';

const MiB = 1024 * 1024;
const bounds = { minBytes: MiB, maxBytes: 16 * MiB };

/** What a sender that always has more brings in one round trip: half the window, or what the link holds. */
function lookAt(size: ReturnType<typeof createWindowSize>, linkBytes: number, roundTripMs: number): void {
  const bytes = Math.min(size.bytes / 2, linkBytes);
  size.settle(size.wanted({ bytes, roundTripMs }));
}

describe('the window of a connection', () => {
  it('grows until it holds back no link, and no further than twice that', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 * MiB }), fc.double({ min: 0.1, max: 500, noNaN: true }), (link, ms) => {
        const size = createWindowSize(bounds);
        for (let i = 0; i < 20; i++) lookAt(size, link, ms);
        const isEnough = size.bytes / 2 >= link * 0.75 || size.bytes === bounds.maxBytes;
        expect(isEnough).toBe(true);
        expect(size.bytes).toBeLessThanOrEqual(Math.max(bounds.minBytes, link * 6));
      }),
    );
  });

  it('stays small where only queues make the round trip long', () => {
    const size = createWindowSize(bounds);
    size.settle(size.wanted({ bytes: 10_000, roundTripMs: 0.2 }));
    for (let i = 0; i < 20; i++) size.settle(size.wanted({ bytes: MiB / 2, roundTripMs: 10 }));
    expect(size.bytes).toBe(MiB);
  });

  it('comes down again when it is not needed', () => {
    const size = createWindowSize(bounds);
    for (let i = 0; i < 10; i++) lookAt(size, 64 * MiB, 50);
    expect(size.bytes).toBe(16 * MiB);
    for (let i = 0; i < 40; i++) lookAt(size, 1000, 50);
    expect(size.bytes).toBe(MiB);
  });
});

describe('the budget of all windows', () => {
  it('is never exceeded, and comes back', () => {
    const budget = createWindowBudget(10);
    expect([budget.take(6), budget.take(6), budget.take(1)]).toEqual([6, 4, 0]);
    budget.give(10);
    expect(budget.take(11)).toBe(10);
  });
});

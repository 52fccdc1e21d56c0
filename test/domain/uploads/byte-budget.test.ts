import { describe, expect, it } from '@jest/globals';
import { createByteBudget } from '../../../src/domain/uploads/byte-budget.js';

const { signal } = new AbortController();

/** Notes who was given what, in order. */
function createTakers(budget: ReturnType<typeof createByteBudget>) {
  const given: string[] = [];
  const turn = () => new Promise(setImmediate);
  return {
    take: (name: string, bytes: number, waitsWith = signal) =>
      budget.take(bytes, waitsWith).then(
        () => void given.push(name),
        () => void given.push(`${name} left`),
      ),
    given: async () => {
      await turn();
      return given.splice(0);
    },
  };
}

describe('a byte budget', () => {
  it('lets wait who finds no room, first come first served', async () => {
    const budget = createByteBudget(100);
    const { take, given } = createTakers(budget);
    void take('a', 60);
    void take('b', 60);
    void take('c', 10);
    expect(budget.tryTake(1)).toBe(false);
    expect(await given()).toEqual(['a']);
    budget.give(60);
    expect(await given()).toEqual(['b', 'c']);
    expect(budget.tryTake(30)).toBe(true);
    expect(budget.tryTake(1)).toBe(false);
  });

  it('lets one that is larger than all there is go alone', async () => {
    const budget = createByteBudget(100);
    const { take, given } = createTakers(budget);
    void take('a', 1);
    void take('large', 500);
    expect(await given()).toEqual(['a']);
    budget.give(1);
    expect(await given()).toEqual(['large']);
    expect(budget.tryTake(1)).toBe(false);
    budget.give(500);
    expect(budget.tryTake(100)).toBe(true);
  });

  it('takes nothing for who leaves, and lets those behind pass', async () => {
    const budget = createByteBudget(100);
    const { take, given } = createTakers(budget);
    const leaving = new AbortController();
    void take('a', 80);
    void take('b', 90, leaving.signal);
    void take('c', 20);
    expect(await given()).toEqual(['a']);
    leaving.abort();
    expect((await given()).sort()).toEqual(['b left', 'c']);
    budget.give(100);
    expect(budget.tryTake(100)).toBe(true);
  });
});

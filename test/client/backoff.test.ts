import { describe, expect, it } from '@jest/globals';
import { backoffDelay } from '../../src/client/backoff.js';

describe('backoffDelay', () => {
  it('is anything up to a bound that doubles, on top of what the service asks for', () => {
    const delays = (random: number, retryAfterMs?: number) =>
      [1, 2, 3, 9, 5_000].map((attempt) => backoffDelay(attempt, { random: () => random }, retryAfterMs));
    expect(delays(0)).toEqual([0, 0, 0, 0, 0]);
    expect(delays(1)).toEqual([100, 200, 400, 5_000, 5_000]);
    expect(delays(0.5, 1_000)).toEqual([1_050, 1_100, 1_200, 3_500, 3_500]);
  });
});

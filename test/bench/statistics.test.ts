import { describe, expect, it } from '@jest/globals';
import { median, percentile, rounded } from '../../bench/harness/statistics.js';

describe('statistics', () => {
  it('finds the middle of values in any order', () => {
    expect(median([10, 9, 100])).toBe(10);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('finds percentiles by the nearest rank', () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect(percentile(values, 0.99)).toBe(198);
    expect(percentile(values, 0.5)).toBe(100);
    expect(percentile([7], 0.01)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it('keeps four digits', () => {
    expect(rounded(123_456.789)).toBe(123_500);
    expect(rounded(0.123456)).toBe(0.1235);
  });
});

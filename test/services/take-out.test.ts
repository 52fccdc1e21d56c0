import { describe, expect, it } from '@jest/globals';
import { joinPieces, takeOut } from '../../src/services/take-out.js';

/** So many empty values of field 1. */
const emptyValues = (count: number) => Buffer.alloc(2 * count).fill(Buffer.from([0x0a, 0]));

describe('a field that is taken out of a message', () => {
  it('makes no objects for more values than any request may have, and counts them', () => {
    const { values, count, run } = takeOut(emptyValues(1_000_000), 1);
    expect(values).toHaveLength(10_000);
    expect(count).toBe(1_000_000);
    expect(run).toHaveLength(2_000_000);
  });

  it('is refused in so many pieces if it is not repeated', () => {
    expect(() => joinPieces(takeOut(emptyValues(10_001), 1))).toThrow('a field comes in 10001 pieces');
    expect(joinPieces(takeOut(emptyValues(10_000), 1))).toHaveLength(0);
    expect(joinPieces(takeOut(emptyValues(0), 1))).toBeUndefined();
  });
});

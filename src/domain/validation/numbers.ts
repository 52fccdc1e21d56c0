import type { Violations } from './violations.js';

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1000;

/**
 * An int64 offset as a number. Below `min` is a violation; beyond 2^53 - 1 it becomes 2^53 - 1, which is beyond every
 * head and is refused as such, with the head named, where the offset is used.
 */
export function checkOffset(violations: Violations, field: string, offset: bigint, min = 0n): number {
  if (offset < min) violations.add(field, `must be at least ${min}`);
  return Number(offset > MAX_SAFE ? MAX_SAFE : offset);
}

/** An int64 size or count as a number: `min` to 2^53 - 1. */
export function checkSize(violations: Violations, field: string, size: bigint, min: bigint): number {
  if (size < min) violations.add(field, `must be at least ${min}`);
  if (size > MAX_SAFE) violations.add(field, `must be at most ${MAX_SAFE}`);
  return Number(size);
}

/** A page_size as AIP-158 has it: 0 is 100, more than 1,000 is 1,000, negative is a violation. */
export function checkPageSize(violations: Violations, field: string, pageSize: number): number {
  if (pageSize < 0) violations.add(field, 'must not be negative');
  return pageSize === 0 ? DEFAULT_PAGE_SIZE : Math.min(pageSize, MAX_PAGE_SIZE);
}

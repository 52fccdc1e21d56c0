import type { Duration } from '../../../gen/google/protobuf/duration.js';
import type { Timestamp } from '../../../gen/google/protobuf/timestamp.js';
import type { Violations } from './violations.js';

const FIRST_SECOND = -62_135_596_800n; // 0001-01-01T00:00:00Z
/** 9999-12-31T23:59:59Z */
export const LAST_SECOND = 253_402_300_799n;
const NANOS_PER_SECOND = 1_000_000_000n;

/** The rules of google.protobuf.Timestamp: year 1 to 9999, nanos 0 to 999,999,999. */
export function checkTimestamp(violations: Violations, field: string, { seconds, nanos }: Timestamp): void {
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) {
    violations.add(`${field}.seconds`, 'must lie within the years 1 to 9999');
  }
  if (nanos < 0 || nanos > 999_999_999) violations.add(`${field}.nanos`, 'must be 0 to 999999999');
}

/** A duration of `min` to `max` whole seconds; `nanos` must be in range and have the sign of `seconds`. */
export function checkDuration(
  violations: Violations,
  field: string,
  { seconds, nanos }: Duration,
  { min, max }: { min: bigint; max: bigint },
): void {
  if (!haveOneSign(seconds, nanos) || Math.abs(nanos) > 999_999_999) {
    violations.add(`${field}.nanos`, 'must be within ±999999999 and have the sign of seconds');
    return;
  }
  const total = seconds * NANOS_PER_SECOND + BigInt(nanos);
  if (total < min * NANOS_PER_SECOND) violations.add(field, `must be at least ${min}s`);
  if (total > max * NANOS_PER_SECOND) violations.add(field, `must be at most ${max}s`);
}

function haveOneSign(seconds: bigint, nanos: number): boolean {
  return !((seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0));
}

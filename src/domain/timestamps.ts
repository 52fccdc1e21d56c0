import type { Duration } from '../../gen/google/protobuf/duration.js';
import type { Timestamp } from '../../gen/google/protobuf/timestamp.js';

const NANOS_PER_MS = 1_000_000;

/** From milliseconds since 1970, whole; negative is before 1970. */
export function timestampFromMs(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * NANOS_PER_MS };
}

/**
 * To the first whole millisecond that is not before the time. Commit times are whole milliseconds, so "at or after" and
 * "before" a time mean the same with the result. The time must be valid: see checkTimestamp.
 */
export function msFromTimestamp({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.ceil(nanos / NANOS_PER_MS);
}

/** From whole milliseconds, not negative. */
export function durationFromMs(ms: number): Duration {
  return timestampFromMs(ms);
}

/** To whole milliseconds, rounded up. The duration must be valid and not negative: see checkDuration. */
export function msFromDuration(duration: Duration): number {
  return msFromTimestamp(duration);
}

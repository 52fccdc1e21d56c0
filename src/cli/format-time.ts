import { Timestamp } from '../../gen/google/protobuf/timestamp.js';

/** RFC 3339 in UTC, with as many digits as there are (0, 3, 6 or 9); `absent` if there is no time. */
export function formatTime(time: Timestamp | undefined, absent = '-'): string {
  return time === undefined ? absent : String(Timestamp.toJSON(time));
}

const ages = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const;

/** "12 s", "3 min", "5 h", "2 d" between the time and `nowMs`; "0 s" for what is ahead of it, "-" without a time. */
export function formatAge(time: Timestamp | undefined, nowMs: number): string {
  if (time === undefined) return '-';
  const seconds = Math.max(0, Math.floor(nowMs / 1000 - Number(time.seconds)));
  const [unit, size] = ages.find(([, bound]) => seconds >= bound) ?? ['s', 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

import { Timestamp } from '../../gen/google/protobuf/timestamp.js';

/** RFC 3339 in UTC, with as many digits as there are (0, 3, 6 or 9); `absent` if there is no time. */
export function formatTime(time: Timestamp | undefined, absent = '-'): string {
  return time === undefined ? absent : String(Timestamp.toJSON(time));
}

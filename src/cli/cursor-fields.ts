import type { Cursor } from '../../gen/leat/v1/event_service.js';
import { formatTime } from './format-time.js';

/** How many offsets a cursor is behind the head. */
export function lagOf({ offset }: Pick<Cursor, 'offset'>, headOffset: bigint): bigint {
  return headOffset > offset ? headOffset - offset : 0n;
}

/** A cursor as JSON has it: numbers as strings, as in the contract's JSON. */
export function cursorFields(cursor: Cursor, headOffset: bigint): Readonly<Record<string, string>> {
  return {
    cursor: cursor.cursor,
    offset: String(cursor.offset),
    lag: String(lagOf(cursor, headOffset)),
    commitTime: formatTime(cursor.commitTime),
  };
}

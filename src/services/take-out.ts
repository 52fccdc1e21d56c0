import { BinaryReader } from '@bufbuild/protobuf/wire';
import { MAX_BATCH_EVENTS } from '../domain/events/event-limits.js';
import { RUN_TAG } from '../store/encoding/event-run.js';
import { decodeUtf8 } from '../store/encoding/utf8.js';
import { WIRE_LEN, WireReader } from '../store/encoding/wire.js';

/** A reader for generated code that refuses broken UTF-8. */
export function strictReader(bytes: Uint8Array): BinaryReader {
  return new BinaryReader(bytes, decodeUtf8);
}

export interface TakenOut {
  /** The field's values, as views: the first `MAX_VALUES`. */
  readonly values: Uint8Array[];
  /** How many there are. */
  readonly count: number;
  /** The message without the field. */
  readonly rest: Uint8Array;
  /** The values with their tags and lengths, if they stand next to one another as elements of a run. */
  readonly run: Uint8Array | undefined;
}

/**
 * More values than any request may have. A value of two bytes becomes an object of a hundred, so that what is refused
 * anyway must not be taken out first.
 */
const MAX_VALUES = MAX_BATCH_EVENTS;

/** The value of a field that is not repeated: one that comes in several pieces means their concatenation. */
export function joinPieces({ values, count }: TakenOut): Uint8Array | undefined {
  if (count > MAX_VALUES) throw new Error(`a field comes in ${count} pieces`);
  return count > 1 ? Buffer.concat(values) : values[0];
}

/** Takes a field of length-delimited values out of an encoded message, undecoded. Throws MalformedBytes. */
export function takeOut(bytes: Uint8Array, field: number): TakenOut {
  const reader = new WireReader(bytes);
  const values: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  let isRun = true;
  let count = 0;
  let [runStart, runEnd, restStart] = [0, 0, 0];
  while (reader.pos < bytes.length) {
    const start = reader.pos;
    const tag = reader.tag();
    if (tag >>> 3 !== field || (tag & 7) !== WIRE_LEN) {
      reader.skip(tag & 7);
      continue;
    }
    const end = reader.lengthEnd();
    if (count++ === 0) runStart = start;
    else if (start !== runEnd) isRun = false;
    // A tag that is written in more bytes than it needs is legal, but no element of a run.
    if (bytes[start] !== RUN_TAG) isRun = false;
    if (count <= MAX_VALUES) values.push(bytes.subarray(reader.pos, end));
    if (start > restStart && count <= MAX_VALUES) rest.push(bytes.subarray(restStart, start));
    reader.pos = runEnd = restStart = end;
  }
  if (restStart < bytes.length) rest.push(bytes.subarray(restStart));
  const [only] = rest;
  return {
    values,
    count,
    rest: rest.length === 1 && only ? only : Buffer.concat(rest),
    run: isRun ? bytes.subarray(runStart, runEnd) : undefined,
  };
}

import { BinaryReader } from '@bufbuild/protobuf/wire';
import { RUN_TAG } from '../store/encoding/event-run.js';
import { decodeUtf8 } from '../store/encoding/utf8.js';
import { WIRE_LEN, WireReader } from '../store/encoding/wire.js';

/** A reader for generated code that refuses broken UTF-8. */
export function strictReader(bytes: Uint8Array): BinaryReader {
  return new BinaryReader(bytes, decodeUtf8);
}

export interface TakenOut {
  /** The field's values, as views. */
  readonly values: Uint8Array[];
  /** The message without the field. */
  readonly rest: Uint8Array;
  /** The values with their tags and lengths, if they stand next to one another as elements of a run. */
  readonly run: Uint8Array | undefined;
}

/** Takes a field of length-delimited values out of an encoded message, undecoded. Throws MalformedBytes. */
export function takeOut(bytes: Uint8Array, field: number): TakenOut {
  const reader = new WireReader(bytes);
  const values: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  let isRun = true;
  let [runStart, runEnd, restStart] = [0, 0, 0];
  while (reader.pos < bytes.length) {
    const start = reader.pos;
    const tag = reader.tag();
    if (tag >>> 3 !== field || (tag & 7) !== WIRE_LEN) {
      reader.skip(tag & 7);
      continue;
    }
    const end = reader.lengthEnd();
    if (values.length === 0) runStart = start;
    else if (start !== runEnd) isRun = false;
    // A tag that is written in more bytes than it needs is legal, but no element of a run.
    if (bytes[start] !== RUN_TAG) isRun = false;
    values.push(bytes.subarray(reader.pos, end));
    if (start > restStart) rest.push(bytes.subarray(restStart, start));
    reader.pos = runEnd = restStart = end;
  }
  if (restStart < bytes.length) rest.push(bytes.subarray(restStart));
  const [only] = rest;
  return {
    values,
    rest: rest.length === 1 && only ? only : Buffer.concat(rest),
    run: isRun ? bytes.subarray(runStart, runEnd) : undefined,
  };
}

import { WIRE_LEN, WireReader } from './wire.js';

const ID = 1;
const TYPE = 2;

/** What the log itself needs of an event. */
export interface EventKey {
  readonly id: string;
  readonly type: string;
}

/** Reads id and type of the encoded event in `bytes[start, end)`; of a repeated field the last one counts. */
export function readEventKey(bytes: Uint8Array, start: number, end: number): EventKey {
  const reader = new WireReader(bytes, start, end);
  let id = '';
  let type = '';
  while (reader.pos < end) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if ((tag & 7) !== WIRE_LEN || field > TYPE) {
      reader.skip(tag & 7);
      continue;
    }
    const fieldEnd = reader.lengthEnd();
    const text = decodeText(bytes, reader.pos, fieldEnd);
    if (field === ID) id = text;
    if (field === TYPE) type = text;
    reader.pos = fieldEnd;
  }
  return { id, type };
}

/** UTF-8 to string; short texts without copying the bytes first. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

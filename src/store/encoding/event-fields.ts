import { WIRE_LEN, WireReader } from './wire.js';

const ID = 1;
const TYPE = 2;

/** What the log itself needs of an event. */
export interface EventKey {
  readonly id: string;
  readonly type: string;
}

/**
 * Reads ids and types of the events in `bytes`; of a repeated field the last one counts. One reader serves a whole run:
 * events of one run mostly have one type, which is decoded once.
 */
export function createEventKeyReader(bytes: Uint8Array): (start: number, end: number) => EventKey {
  const reader = new WireReader(bytes);
  const types = createRepeatedText(bytes);
  return (start, end) => {
    [reader.pos, reader.end] = [start, end];
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
      if (field === ID) id = decodeText(bytes, reader.pos, fieldEnd);
      if (field === TYPE) type = types(reader.pos, fieldEnd);
      reader.pos = fieldEnd;
    }
    return { id, type };
  };
}

/** As `createEventKeyReader`, for one event. */
export function readEventKey(bytes: Uint8Array, start: number, end: number): EventKey {
  return createEventKeyReader(bytes)(start, end);
}

/** Decodes texts of which most are the same as the one before. */
function createRepeatedText(bytes: Uint8Array): (start: number, end: number) => string {
  let text = '';
  let knownStart = 0;
  let knownEnd = 0;
  const isKnown = (start: number, end: number) => {
    if (end - start !== knownEnd - knownStart) return false;
    for (let at = start, known = knownStart; at < end; at++, known++) if (bytes[at] !== bytes[known]) return false;
    return true;
  };
  return (start, end) => {
    if (isKnown(start, end)) return text;
    text = decodeText(bytes, start, end);
    [knownStart, knownEnd] = [start, end];
    return text;
  };
}

/** UTF-8 to string; short texts without copying the bytes first. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

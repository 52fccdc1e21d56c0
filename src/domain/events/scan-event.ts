import { isUtf8 } from 'node:buffer';
import { MalformedBytes, WIRE_LEN, WireReader } from '../../store/encoding/wire.js';
import { type EventLimits, MAX_CONTENT_TYPE, MAX_EVENT_ID, MAX_SOURCE, MAX_SUBJECT, MAX_TYPE } from './event-limits.js';

/** Field numbers of leat.v1.Event; all its fields are length-delimited. */
export const EVENT_FIELDS = [
  '',
  'id',
  'type',
  'subject',
  'time',
  'content_type',
  'data',
  'text',
  'attributes',
  'source',
];
const TYPE = 2;
const TIME = 4;
const DATA = 6;
const TEXT = 7;
const ATTRIBUTES = 8;

/** Bytes of the short strings; a string has no more characters than bytes, so what fits in bytes fits. */
const MAX_BYTES: readonly number[] = [0, MAX_EVENT_ID, MAX_TYPE, MAX_SUBJECT, 0, MAX_CONTENT_TYPE, 0, 0, 0, MAX_SOURCE];

/**
 * Whether the event in `bytes[start, end)` is valid beyond doubt, told from its bytes: the path of nearly all events.
 * False: look closer (check-event.ts), which also finds the words for what is wrong.
 */
export function isPlainlyValid(bytes: Uint8Array, start: number, end: number, limits: EventLimits): boolean {
  const reader = new WireReader(bytes, start, end);
  let seen = 0;
  while (reader.pos < end) {
    const tag = reader.varint();
    const field = tag >>> 3;
    if (field >= EVENT_FIELDS.length) {
      reader.skip(tag & 7);
      continue;
    }
    // Attributes and time, and whatever comes twice, are for the closer look.
    if (
      (tag & 7) !== WIRE_LEN ||
      field === 0 ||
      field === ATTRIBUTES ||
      field === TIME ||
      (seen & (1 << field)) !== 0
    ) {
      return false;
    }
    seen |= 1 << field;
    const fieldEnd = reader.lengthEnd();
    if (!isPlainField(field, bytes, reader.pos, fieldEnd, limits)) return false;
    reader.pos = fieldEnd;
  }
  const hasBothPayloads = (seen & (1 << DATA)) !== 0 && (seen & (1 << TEXT)) !== 0;
  return (seen & (1 << TYPE)) !== 0 && !hasBothPayloads;
}

function isPlainField(field: number, bytes: Uint8Array, start: number, end: number, limits: EventLimits): boolean {
  const size = end - start;
  if (field === DATA) return size <= limits.maxPayloadBytes;
  if (field === TEXT) return size <= limits.maxPayloadBytes && isText(bytes, start, end);
  if (field === TYPE && size === 0) return false;
  return size <= (MAX_BYTES[field] ?? 0) && isText(bytes, start, end);
}

/** Whether the bytes are UTF-8; short ASCII without leaving JavaScript. */
function isText(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 64) return isUtf8(bytes.subarray(start, end));
  for (let at = start; at < end; at++) {
    if ((bytes[at] ?? 0) >= 0x80) return isUtf8(bytes.subarray(start, end));
  }
  return true;
}

/**
 * What keeps the bytes from being an event at all, as the field's name (empty: the event as such) and words; undefined
 * if they are one. A known field of another wire type is refused: decoders disagree on whether to pass over it.
 */
export function findMalformedField(
  bytes: Uint8Array,
  start: number,
  end: number,
): { field: string; description: string } | undefined {
  const reader = new WireReader(bytes, start, end);
  let field = '';
  try {
    while (reader.pos < end) {
      field = '';
      const tag = reader.varint();
      field = EVENT_FIELDS[tag >>> 3] ?? '';
      if (tag >>> 3 === 0) return { field, description: 'has a field of number 0' };
      if (field !== '' && (tag & 7) !== WIRE_LEN) {
        return { field, description: `has wire type ${tag & 7} instead of ${WIRE_LEN}` };
      }
      const from = reader.pos;
      reader.skip(tag & 7);
      if (isBrokenText(field, bytes, from, reader.pos)) return { field, description: 'is not valid UTF-8' };
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    return { field, description: `is not a valid message: ${error.message}` };
  }
}

function isBrokenText(field: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (field === '' || field === 'time' || field === 'data' || field === 'attributes') return false;
  const reader = new WireReader(bytes, from, to);
  reader.lengthEnd();
  return !isUtf8(bytes.subarray(reader.pos, to));
}

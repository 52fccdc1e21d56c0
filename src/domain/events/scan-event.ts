import { isUtf8 } from 'node:buffer';
import { WIRE_LEN, WireReader } from '../../store/encoding/wire.js';
import { MAX_KEY_BYTES, MAX_PAIRS, MAX_VALUE_BYTES } from '../validation/attributes.js';
import { LAST_SECOND } from '../validation/times.js';
import { type EventLimits, MAX_CONTENT_TYPE, MAX_EVENT_ID, MAX_SOURCE, MAX_SUBJECT, MAX_TYPE } from './event-limits.js';

/** Field numbers of leat.v1.Event; all its fields are length-delimited. */
const TYPE = 2;
const TIME = 4;
const DATA = 6;
const TEXT = 7;
const ATTRIBUTES = 8;
const LAST_FIELD = 9;

/** Tags of Timestamp and of a map's entry. */
const SECONDS = 0x08;
const NANOS = 0x10;
const KEY = 0x0a;
const VALUE = 0x12;

/** Bytes of the short strings; a string has no more characters than bytes, so what fits in bytes fits. */
const MAX_BYTES: readonly number[] = [0, MAX_EVENT_ID, MAX_TYPE, MAX_SUBJECT, 0, MAX_CONTENT_TYPE, 0, 0, 0, MAX_SOURCE];
const LATEST = Number(LAST_SECOND);

/**
 * Whether the event in `bytes[start, end)` is valid beyond doubt, told from its bytes: the path of nearly all events.
 * False, or any error: look closer (check-event.ts), which also finds the words for what is wrong. In doubt is what
 * comes twice or out of its usual order, and fields that are not known.
 */
export function isPlainlyValid(bytes: Uint8Array, start: number, end: number, limits: EventLimits): boolean {
  const reader = new WireReader(bytes, start, end);
  let seen = 0;
  let pairs = 0;
  while (reader.pos < end) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (field > LAST_FIELD || (tag & 7) !== WIRE_LEN) return false;
    if (field === ATTRIBUTES) pairs++;
    else if ((seen & (1 << field)) !== 0) return false;
    seen |= 1 << field;
    const fieldEnd = reader.lengthEnd();
    if (!isPlainField(field, bytes, reader.pos, fieldEnd, limits)) return false;
    reader.pos = fieldEnd;
  }
  const hasBothPayloads = (seen & (1 << DATA)) !== 0 && (seen & (1 << TEXT)) !== 0;
  return (seen & (1 << TYPE)) !== 0 && !hasBothPayloads && pairs <= MAX_PAIRS;
}

function isPlainField(field: number, bytes: Uint8Array, start: number, end: number, limits: EventLimits): boolean {
  const size = end - start;
  if (field === DATA) return size <= limits.maxPayloadBytes;
  if (field === TEXT) return size <= limits.maxPayloadBytes && isText(bytes, start, end);
  if (field === TIME) return isPlainTime(bytes, start, end);
  if (field === ATTRIBUTES) return isPlainPair(bytes, start, end);
  if (field === TYPE && size === 0) return false;
  return size <= (MAX_BYTES[field] ?? 0) && isText(bytes, start, end);
}

function isPlainTime(bytes: Uint8Array, start: number, end: number): boolean {
  const reader = new WireReader(bytes, start, end);
  let previous = 0;
  while (reader.pos < end) {
    const tag = reader.tag();
    const max = tag === SECONDS ? LATEST : tag === NANOS ? 999_999_999 : -1;
    if (tag <= previous || reader.varint() > max) return false;
    previous = tag;
  }
  return true;
}

function isPlainPair(bytes: Uint8Array, start: number, end: number): boolean {
  const reader = new WireReader(bytes, start, end);
  if (start === end || reader.tag() !== KEY) return false;
  const keyEnd = reader.lengthEnd();
  if (!isKey(bytes, reader.pos, keyEnd)) return false;
  reader.pos = keyEnd;
  if (keyEnd === end) return true;
  if (reader.tag() !== VALUE) return false;
  const valueEnd = reader.lengthEnd();
  return valueEnd === end && valueEnd - reader.pos <= MAX_VALUE_BYTES && isText(bytes, reader.pos, valueEnd);
}

const KEY_BYTES = new Set(Buffer.from('abcdefghijklmnopqrstuvwxyz0123456789_.-'));

function isKey(bytes: Uint8Array, start: number, end: number): boolean {
  if (end === start || end - start > MAX_KEY_BYTES) return false;
  for (let at = start; at < end; at++) {
    if (!KEY_BYTES.has(bytes[at] ?? 0)) return false;
  }
  return true;
}

/** Whether the bytes are UTF-8; short ASCII without leaving JavaScript. */
function isText(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 64) return isUtf8(bytes.subarray(start, end));
  for (let at = start; at < end; at++) {
    if ((bytes[at] ?? 0) >= 0x80) return isUtf8(bytes.subarray(start, end));
  }
  return true;
}

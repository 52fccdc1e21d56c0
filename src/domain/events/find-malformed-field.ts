import { isUtf8 } from 'node:buffer';
import { MalformedBytes, WIRE_LEN, WIRE_VARINT, WireReader } from '../../store/encoding/wire.js';

interface Field {
  readonly name: string;
  readonly wireType: number;
  readonly isText?: true;
  /** Of a message. */
  readonly fields?: readonly (Field | undefined)[];
  /** Some decoders merge a message that comes twice, others take the last. */
  readonly isOnce?: true;
}

const text = (name: string): Field => ({ name, wireType: WIRE_LEN, isText: true });
const varint = (name: string): Field => ({ name, wireType: WIRE_VARINT });

/** leat.v1.Event by field number. */
const EVENT: readonly (Field | undefined)[] = [
  undefined,
  text('id'),
  text('type'),
  text('subject'),
  { name: 'time', wireType: WIRE_LEN, isOnce: true, fields: [undefined, varint('seconds'), varint('nanos')] },
  text('content_type'),
  { name: 'data', wireType: WIRE_LEN },
  text('text'),
  { name: 'attributes', wireType: WIRE_LEN, fields: [undefined, text('key'), text('value')] },
  text('source'),
];

/** What is wrong, and where: a path from the event, empty for the event as such. */
export interface MalformedField {
  readonly field: string;
  readonly description: string;
}

/**
 * What keeps the bytes in `[start, end)` from being an event to every decoder; undefined if nothing does. Stricter than
 * any one of them: a known field of another wire type, say, is passed over by some and refused by others.
 */
export function findMalformedField(bytes: Uint8Array, start: number, end: number): MalformedField | undefined {
  return findIn(EVENT, new WireReader(bytes, start, end));
}

function findIn(fields: readonly (Field | undefined)[], reader: WireReader): MalformedField | undefined {
  const seen = new Set<Field>();
  let name = '';
  try {
    while (reader.pos < reader.end) {
      name = '';
      const tag = reader.tag();
      const field = fields[tag >>> 3];
      name = field?.name ?? '';
      const from = reader.pos;
      reader.skip(tag & 7);
      if (!field) continue;
      const wrong = seen.has(field) && field.isOnce ? { field: '', description: 'comes twice' } : undefined;
      const found = wrong ?? findInField(field, tag & 7, new WireReader(reader.bytes, from, reader.pos));
      if (found) return { ...found, field: [name, found.field].filter(Boolean).join('.') };
      seen.add(field);
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    return { field: name, description: `is not a valid message: ${error.message}` };
  }
}

/** `reader` holds the field's value, with the length if it has one. */
function findInField(field: Field, wireType: number, reader: WireReader): MalformedField | undefined {
  if (wireType !== field.wireType) {
    return { field: '', description: `has wire type ${wireType} instead of ${field.wireType}` };
  }
  if (wireType === WIRE_LEN) reader.lengthEnd();
  if (field.fields) return findIn(field.fields, reader);
  const isBroken = field.isText && !isUtf8(reader.bytes.subarray(reader.pos, reader.end));
  return isBroken ? { field: '', description: 'is not valid UTF-8' } : undefined;
}

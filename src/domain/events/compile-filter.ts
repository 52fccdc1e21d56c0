import type { EventFilter } from '../../../gen/leat/v1/event.js';
import type { EventMatcher } from '../../store/encoding/event-matcher.js';
import { decodeText } from '../../store/encoding/event-fields.js';
import { WIRE_LEN, WireReader } from '../../store/encoding/wire.js';
import { checkAttributes } from '../validation/attributes.js';
import { checkLength } from '../validation/text.js';
import type { Violations } from '../validation/violations.js';
import { MAX_SUBJECT, MAX_TYPE } from './event-limits.js';

const TYPE = 2;
const SUBJECT = 3;
const ATTRIBUTES = 8;
const MAX_VALUES = 32;
const MAX_ATTRIBUTES = 8;

/** Checks the limits of a filter. */
export function checkFilter(violations: Violations, path: string, filter: EventFilter): void {
  if (filter.types.length > MAX_VALUES) violations.add(`${path}.types`, `must have at most ${MAX_VALUES} entries`);
  if (filter.subjects.length > MAX_VALUES)
    violations.add(`${path}.subjects`, `must have at most ${MAX_VALUES} entries`);
  if (filter.attributes.size > MAX_ATTRIBUTES) {
    violations.add(`${path}.attributes`, `must have at most ${MAX_ATTRIBUTES} pairs`);
  }
  filter.types.slice(0, MAX_VALUES).forEach((type, i) => checkType(violations, `${path}.types[${i}]`, type));
  filter.subjects
    .slice(0, MAX_VALUES)
    .forEach((subject, i) => checkLength(violations, `${path}.subjects[${i}]`, subject, 0, MAX_SUBJECT));
  checkAttributes(violations, `${path}.attributes`, filter.attributes);
}

function checkType(violations: Violations, path: string, type: string): void {
  checkLength(violations, path, type, 1, type.endsWith('*') ? MAX_TYPE + 1 : MAX_TYPE);
  if (type.slice(0, -1).includes('*')) violations.add(path, 'may have "*" at its end only, for example "order.*"');
}

/** Makes a filter ready to test encoded events; undefined if it lets everything through. */
export function compileFilter(filter: EventFilter | undefined): EventMatcher | undefined {
  if (!filter || (filter.types.length === 0 && filter.subjects.length === 0 && filter.attributes.size === 0)) {
    return undefined;
  }
  const matchesType = compileTypes(filter.types);
  const subjects = new Set(filter.subjects);
  const { attributes } = filter;
  return {
    mayMatch: (types) => types.some(matchesType),
    matches(bytes, start, end) {
      const fields = readFields(bytes, start, end, attributes.size > 0);
      return (
        matchesType(fields.type) &&
        (subjects.size === 0 || subjects.has(fields.subject)) &&
        [...attributes].every(([key, value]) => fields.attributes?.get(key) === value)
      );
    },
  };
}

function compileTypes(types: readonly string[]): (type: string) => boolean {
  if (types.length === 0) return () => true;
  const exact = new Set(types);
  const prefixes = types.filter((type) => type.endsWith('*')).map((type) => type.slice(0, -1));
  return (type) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix));
}

interface Fields {
  type: string;
  subject: string;
  attributes: Map<string, string> | undefined;
}

/** The fields that filters look at; of a repeated field the last one counts, as for every decoder. */
function readFields(bytes: Uint8Array, start: number, end: number, withAttributes: boolean): Fields {
  const reader = new WireReader(bytes, start, end);
  const fields: Fields = { type: '', subject: '', attributes: withAttributes ? new Map() : undefined };
  while (reader.pos < end) {
    const tag = reader.tag();
    if ((tag & 7) !== WIRE_LEN) {
      reader.skip(tag & 7);
      continue;
    }
    const fieldEnd = reader.lengthEnd();
    const field = tag >>> 3;
    if (field === TYPE) fields.type = decodeText(bytes, reader.pos, fieldEnd);
    else if (field === SUBJECT) fields.subject = decodeText(bytes, reader.pos, fieldEnd);
    else if (field === ATTRIBUTES && fields.attributes) readPair(bytes, reader.pos, fieldEnd, fields.attributes);
    reader.pos = fieldEnd;
  }
  return fields;
}

function readPair(bytes: Uint8Array, start: number, end: number, into: Map<string, string>): void {
  const reader = new WireReader(bytes, start, end);
  const pair = ['', '', ''];
  while (reader.pos < end) {
    const tag = reader.tag();
    if ((tag & 7) !== WIRE_LEN || tag >>> 3 > 2) {
      reader.skip(tag & 7);
      continue;
    }
    const valueEnd = reader.lengthEnd();
    pair[tag >>> 3] = decodeText(bytes, reader.pos, valueEnd);
    reader.pos = valueEnd;
  }
  into.set(pair[1] ?? '', pair[2] ?? '');
}

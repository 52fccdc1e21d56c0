import { Timestamp } from '../../gen/google/protobuf/timestamp.js';
import type { Event } from '../../gen/leat/v1/event.js';
import type { DeepPartial } from '../../gen/leat/v1/event_service.js';
import { isJsonContentType } from './cloud-event.js';
import { rawMember } from './raw-member.js';
import { messageOf, usageError } from './cli-error.js';

/** What `leat tail --json` says about the record, not about the event: the service says it anew. */
const ofTheRecord = new Set(['specversion', 'leattopic', 'leatoffset', 'leatcommittime', 'leatauthor']);
const known = new Set(['id', 'type', 'subject', 'source', 'time', 'datacontenttype', 'data', 'data_base64']);

/**
 * Reads one event from a line of CloudEvents JSON: id, type, subject, source, time, datacontenttype, data or
 * data_base64, attributes. A JSON value in `data` becomes text exactly as it stands there; a string becomes the text
 * it says, unless datacontenttype is JSON. Further members (extensions of CloudEvents) become attributes.
 * Throws CliError that says what is wrong with the line.
 */
export function parseEnvelope(line: string, defaults: DeepPartial<Event> = {}): DeepPartial<Event> {
  const members = parseObject(line);
  const event: DeepPartial<Event> = {
    id: idOf(members) ?? defaults.id,
    type: stringMember(members, 'type') ?? defaults.type,
    subject: stringMember(members, 'subject') ?? defaults.subject,
    source: stringMember(members, 'source') ?? defaults.source,
    time: timeMember(members),
    attributes: new Map([
      ...((defaults.attributes as Map<string, string> | undefined) ?? []),
      ...attributesOf(members),
    ]),
    ...payloadOf(members, line),
  };
  if (!event.type) throw usageError('"type" is missing; add it to the object or give --type');
  return event;
}

type Members = Readonly<Record<string, unknown>>;

function parseObject(line: string): Members {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw usageError(`not JSON: ${messageOf(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw usageError('not a JSON object');
  return value as Members;
}

function stringMember(members: Members, name: string): string | undefined {
  const value = members[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw usageError(`"${name}" is not a string`);
  return wellFormed(name, value);
}

/** An empty id would not make a repeated line harmless, as whoever wrote it expects. */
function idOf(members: Members): string | undefined {
  const id = stringMember(members, 'id');
  if (id === '') throw usageError('"id" is empty; give one, or leave it out');
  return id;
}

/** A lone surrogate has no UTF-8: it would be replaced in silence on its way. */
function wellFormed(name: string, value: string): string {
  if (/\p{Surrogate}/u.test(value)) throw usageError(`"${name}" holds half of a surrogate pair`);
  return value;
}

function timeMember(members: Members): Timestamp | undefined {
  const text = stringMember(members, 'time');
  if (text === undefined) return undefined;
  try {
    return Timestamp.fromJSON(text);
  } catch {
    throw usageError('"time" is not an RFC 3339 time such as 2026-01-31T12:00:00Z');
  }
}

function attributesOf(members: Members): Map<string, string> {
  const { attributes = {}, ...others } = members;
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    throw usageError('"attributes" is not an object');
  }
  const extensions = Object.entries(others).filter(([name]) => !known.has(name) && !ofTheRecord.has(name));
  const pairs = [...extensions, ...Object.entries(attributes)];
  return new Map(pairs.map(([name, value]) => [name, attributeValue(name, value)]));
}

function attributeValue(name: string, value: unknown): string {
  if (typeof value === 'string') return wellFormed(name, value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw usageError(`"${name}" is not a string, a number or a boolean`);
}

function payloadOf(members: Members, line: string): DeepPartial<Event> {
  const contentType = stringMember(members, 'datacontenttype') ?? '';
  const base64 = stringMember(members, 'data_base64');
  const { data } = members;
  if (base64 !== undefined && data !== undefined) throw usageError('both "data" and "data_base64" are given');
  if (base64 !== undefined) return { contentType, payload: { $case: 'data', value: bytesOf(base64) } };
  if (data === undefined) return { contentType };
  if (typeof data === 'string' && !isJsonContentType(contentType)) {
    return { contentType, payload: { $case: 'text', value: wellFormed('data', data) } };
  }
  return { contentType: contentType || 'application/json', payload: { $case: 'text', value: rawMember(line, 'data') } };
}

function bytesOf(base64: string): Uint8Array {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '')) {
    throw usageError('"data_base64" is not base64');
  }
  return bytes;
}

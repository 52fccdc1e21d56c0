import type { Event, EventRecord } from '../../gen/leat/v1/event.js';
import { Timestamp } from '../../gen/google/protobuf/timestamp.js';
import { escapeJson } from './escape-text.js';

/**
 * One record as one line of CloudEvents 1.0 JSON (NDJSON, without the line's end). A payload whose content type is
 * JSON stands there as it was written, digit by digit: numbers beyond 2^53 stay what they are. What JSON cannot
 * hold is `data_base64`. What the service knows itself is in leattopic, leatoffset, leatcommittime and leatauthor.
 */
export function formatCloudEvent(topic: string, record: EventRecord): string {
  const { event } = record;
  const head = {
    specversion: '1.0',
    id: orElse(event?.id, `${topic}/${record.offset}`),
    source: orElse(event?.source, `/topics/${topic}`),
    type: event?.type ?? '',
    subject: orElse(event?.subject, undefined),
    time: event?.time && Timestamp.toJSON(event.time),
    datacontenttype: event && contentTypeOf(event),
    attributes: event && event.attributes.size > 0 ? Object.fromEntries(event.attributes) : undefined,
    leattopic: topic,
    leatoffset: String(record.offset),
    leatcommittime: record.commitTime && Timestamp.toJSON(record.commitTime),
    leatauthor: orElse(record.author, undefined),
  };
  const json = JSON.stringify(head);
  return escapeJson(`${json.slice(0, -1)}${formatPayload(event)}}`);
}

/** The content type an event has, by its own word or by the contract's default; undefined without a payload. */
export function contentTypeOf(event: Event): string | undefined {
  if (event.contentType !== '') return event.contentType;
  if (event.payload === undefined) return undefined;
  return event.payload.$case === 'text' ? 'text/plain' : 'application/octet-stream';
}

/** application/json, text/json, and anything that ends in +json, with or without parameters. */
export function isJsonContentType(contentType: string): boolean {
  return /^\s*[^;/\s]+\/(?:json|[^;\s]+\+json)\s*(?:;|$)/i.test(contentType);
}

/** Text if the bytes are valid UTF-8, with a byte order mark kept as it is. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined; // Not text: the only thing that a fatal decoder throws for.
  }
}

function formatPayload(event: Event | undefined): string {
  const payload = event?.payload;
  if (event === undefined || payload === undefined) return '';
  const isJson = isJsonContentType(event.contentType);
  const text = payload.$case === 'text' ? payload.value : isJson ? decodeUtf8(payload.value) : undefined;
  if (text !== undefined && isJson && isJsonText(text)) return `,"data":${text}`;
  // A JSON reader would take a string here for the JSON value, so text that only claims to be JSON goes as bytes.
  if (text !== undefined && !isJson) return `,"data":${JSON.stringify(text)}`;
  const bytes = payload.$case === 'text' ? Buffer.from(payload.value) : Buffer.from(payload.value);
  return `,"data_base64":"${bytes.toString('base64')}"`;
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // Not JSON, which is the answer.
  }
}

function orElse<T>(text: string | undefined, fallback: T): string | T {
  return text === undefined || text === '' ? fallback : text;
}

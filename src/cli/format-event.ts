import type { Event, EventRecord } from '../../gen/leat/v1/event.js';
import { contentTypeOf, decodeUtf8, isJsonContentType } from './cloud-event.js';
import { escapeText } from './escape-text.js';
import { formatTime } from './format-time.js';

const shownBytes = 32;

/** One record as one line for people, without the line's end: offset, commit time, type, payload. */
export function formatEvent(record: EventRecord): string {
  const { event, commitTime } = record;
  const parts = [
    String(record.offset),
    formatTime(commitTime),
    escapeText(event?.type ?? ''),
    event ? formatPayload(event) : '',
  ];
  return parts.join('  ').trimEnd();
}

/** What an event carries, on one line and safe to print; bytes that are no text as hexadecimal digits. */
export function formatPayload(event: Event): string {
  const { payload } = event;
  if (payload === undefined) return '';
  if (payload.$case === 'text') return escapeText(payload.value);
  const contentType = contentTypeOf(event) ?? '';
  const text = isReadable(contentType) ? decodeUtf8(payload.value) : undefined;
  if (text !== undefined) return escapeText(text);
  const hex = Buffer.from(payload.value.subarray(0, shownBytes)).toString('hex');
  const more = payload.value.length > shownBytes ? '…' : '';
  return `<${payload.value.length} bytes ${escapeText(contentType)}> ${hex}${more}`.trimEnd();
}

function isReadable(contentType: string): boolean {
  return isJsonContentType(contentType) || contentType.startsWith('text/');
}

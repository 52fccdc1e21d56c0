import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Event } from '../../../gen/leat/v1/event.js';
import { checkAttributes } from '../validation/attributes.js';
import { checkLength } from '../validation/text.js';
import { checkTimestamp } from '../validation/times.js';
import type { Violations } from '../validation/violations.js';
import { type EventLimits, MAX_CONTENT_TYPE, MAX_EVENT_ID, MAX_SOURCE, MAX_SUBJECT, MAX_TYPE } from './event-limits.js';
import { findMalformedField, isPlainlyValid } from './scan-event.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Checks the encoded event in `bytes[start, end)`, which is stored and delivered as it is. Adds what is wrong to
 * `violations`, under `path`.
 */
export function checkEncodedEvent(
  violations: Violations,
  path: string,
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: EventLimits,
): void {
  if (scans(bytes, start, end, limits)) return;
  const wrong = findMalformedField(bytes, start, end);
  if (wrong) return violations.add(wrong.field === '' ? path : `${path}.${wrong.field}`, wrong.description);
  try {
    checkEvent(violations, path, decodeStrictly(bytes.subarray(start, end)), limits);
  } catch (error) {
    violations.add(path, `is not a valid message: ${error instanceof Error ? error.message : 'cannot be decoded'}`);
  }
}

function scans(bytes: Uint8Array, start: number, end: number, limits: EventLimits): boolean {
  try {
    return isPlainlyValid(bytes, start, end, limits);
  } catch {
    return false; // No message at all; the closer look says so in words.
  }
}

function decodeStrictly(bytes: Uint8Array): Event {
  return Event.decode(new BinaryReader(bytes, (text) => utf8.decode(text)));
}

function checkEvent(violations: Violations, path: string, event: Event, limits: EventLimits): void {
  checkLength(violations, `${path}.id`, event.id, 0, MAX_EVENT_ID);
  checkLength(violations, `${path}.type`, event.type, 1, MAX_TYPE);
  checkLength(violations, `${path}.subject`, event.subject, 0, MAX_SUBJECT);
  checkLength(violations, `${path}.content_type`, event.contentType, 0, MAX_CONTENT_TYPE);
  checkLength(violations, `${path}.source`, event.source, 0, MAX_SOURCE);
  if (event.time) checkTimestamp(violations, `${path}.time`, event.time);
  checkPayload(violations, path, event.payload, limits);
  checkAttributes(violations, `${path}.attributes`, event.attributes);
}

function checkPayload(violations: Violations, path: string, payload: Event['payload'], limits: EventLimits): void {
  if (!payload) return;
  const size = payload.$case === 'data' ? payload.value.length : Buffer.byteLength(payload.value);
  if (size <= limits.maxPayloadBytes) return;
  violations.add(
    `${path}.${payload.$case}`,
    `must have at most ${limits.maxPayloadBytes} bytes, has ${size}; send larger content as a file and name it here`,
  );
}

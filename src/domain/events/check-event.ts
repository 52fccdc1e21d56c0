import { Event } from '../../../gen/leat/v1/event.js';
import { checkAttributes } from '../validation/attributes.js';
import { checkLength } from '../validation/text.js';
import { checkTimestamp } from '../validation/times.js';
import type { Violations } from '../validation/violations.js';
import {
  type EventLimits,
  MAX_CONTENT_TYPE,
  MAX_EVENT_ID,
  MAX_OVERHEAD_BYTES,
  MAX_SOURCE,
  MAX_SUBJECT,
  MAX_TYPE,
} from './event-limits.js';
import { findMalformedField } from './find-malformed-field.js';
import { isPlainlyValid } from './scan-event.js';

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
  const event = Event.decode(bytes.subarray(start, end));
  checkEvent(violations, path, event, limits);
  checkOverhead(violations, path, end - start - payloadSize(event.payload));
}

function scans(bytes: Uint8Array, start: number, end: number, limits: EventLimits): boolean {
  try {
    return isPlainlyValid(bytes, start, end, limits);
  } catch {
    return false; // No message at all; the closer look says so in words.
  }
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
  const size = payloadSize(payload);
  if (!payload || size <= limits.maxPayloadBytes) return;
  violations.add(
    `${path}.${payload.$case}`,
    `must have at most ${limits.maxPayloadBytes} bytes, has ${size}; send larger content as a file and name it here`,
  );
}

function payloadSize(payload: Event['payload']): number {
  if (!payload) return 0;
  return payload.$case === 'data' ? payload.value.length : Buffer.byteLength(payload.value);
}

/** The bytes are stored as they are, so what no limit of a field covers is limited here. */
function checkOverhead(violations: Violations, path: string, overhead: number): void {
  if (overhead <= MAX_OVERHEAD_BYTES) return;
  violations.add(path, `must have at most ${MAX_OVERHEAD_BYTES} encoded bytes beside its payload, has ${overhead}`);
}

import { Event } from '../../../gen/leat/v1/event.js';

/**
 * Whether two encoded events say the same. Equal bytes are enough, unequal bytes prove nothing: encoders order map
 * entries and fields as they like, so the decoded values decide. Fields that this version does not know are not compared.
 */
export function sameEvent(a: Uint8Array, b: Uint8Array): boolean {
  return sameBytes(a, b) || sameDecoded(Event.decode(a), Event.decode(b));
}

function sameDecoded(a: Event, b: Event): boolean {
  return (
    a.id === b.id &&
    a.type === b.type &&
    a.subject === b.subject &&
    a.contentType === b.contentType &&
    a.source === b.source &&
    a.time?.seconds === b.time?.seconds &&
    a.time?.nanos === b.time?.nanos &&
    samePayload(a.payload, b.payload) &&
    sameMap(a.attributes, b.attributes)
  );
}

function samePayload(a: Event['payload'], b: Event['payload']): boolean {
  if (a?.$case === 'data' && b?.$case === 'data') return sameBytes(a.value, b.value);
  return a?.$case === b?.$case && a?.value === b?.value;
}

function sameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

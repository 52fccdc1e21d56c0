import { Event } from '../../../gen/leat/v1/event.js';
import { readEventKey } from '../../store/encoding/event-fields.js';
import { encodeEventRun } from '../../store/encoding/event-run.js';
import { MalformedBytes } from '../../store/encoding/wire.js';
import type { AppendEvents, AppendResult } from '../../store/store.js';
import { checkEncodedEvent } from '../events/check-event.js';
import type { EventLimits } from '../events/event-limits.js';
import { createViolations } from '../validation/violations.js';
import { idRequired, messageTooLarge } from './chat-errors.js';
import { topicOf } from './room-name.js';

/** A message as it came: the encoded event, undefined if there was none. */
export type EncodedMessage = Uint8Array | undefined;

/** Event.type = "message", encoded. */
const DEFAULT_TYPE = Event.encode(Event.fromPartial({ type: 'message' })).finish();

/** The message's id; empty if it has none or cannot be read. */
export function messageIdOf(message: EncodedMessage): string {
  return message ? (keyOf(message)?.id ?? '') : '';
}

/**
 * Checks a message and says what it asks of the store. The event is appended as it came, with the default type behind
 * it if it has none. Errors: `invalid` ID_REQUIRED, MESSAGE_TOO_LARGE, or with all violations.
 */
export function appendMessage(
  room: string,
  message: EncodedMessage,
  author: string,
  limits: EventLimits,
): AppendEvents {
  const key = message && keyOf(message);
  if (!message || key?.id === '') throw idRequired();
  const event = key?.type === '' ? Buffer.concat([message, DEFAULT_TYPE]) : message;
  const violations = createViolations();
  checkEncodedEvent(violations, 'message', event, 0, event.length, limits);
  try {
    violations.throwIfAny();
  } catch (error) {
    const size = payloadSizeOf(event);
    throw size > limits.maxPayloadBytes ? messageTooLarge(size, limits.maxPayloadBytes) : error;
  }
  return { kind: 'append-events', topic: topicOf(room), author, events: encodeEventRun([event]) };
}

/** Where a message is, after it was appended. */
export interface PlacedMessage {
  readonly offset: bigint;
  /** It was there before. */
  readonly duplicate: boolean;
}

export function placeOf({ existing: [existing], firstOffset }: AppendResult): PlacedMessage {
  return { offset: BigInt(existing?.offset ?? firstOffset), duplicate: existing !== undefined };
}

/** Undefined for bytes that are no event, of which checkEncodedEvent says more. */
function keyOf(message: Uint8Array) {
  try {
    return readEventKey(message, 0, message.length);
  } catch (error) {
    if (error instanceof MalformedBytes) return undefined;
    throw error;
  }
}

function payloadSizeOf(event: Uint8Array): number {
  try {
    const { payload } = Event.decode(event);
    return payload ? Buffer.byteLength(payload.value) : 0;
  } catch {
    return 0; // No event at all: something else is wrong with it.
  }
}

import type { ProducerPosition } from '../../../gen/leat/v1/event_service.js';
import { type EventRun, encodeEventRun, nextInRun } from '../../store/encoding/event-run.js';
import { WireReader } from '../../store/encoding/wire.js';
import type { AppendEvents } from '../../store/store.js';
import { checkTopicName, isReservedTopic, topicReserved } from '../topics/topic-name.js';
import { checkOffset, checkSize } from '../validation/numbers.js';
import { checkLength } from '../validation/text.js';
import { type Violations, createViolations } from '../validation/violations.js';
import { checkEncodedEvent } from './check-event.js';
import { type EventLimits, MAX_BATCH_BYTES, MAX_BATCH_EVENTS } from './event-limits.js';

const MAX_PRODUCER_ID = 128;

/** One event to append. */
export interface PublishOne {
  readonly topic: string;
  readonly event: Uint8Array | undefined;
  readonly expectedLastOffset: bigint | undefined;
}

/** A batch to append whole or not at all. */
export interface PublishBatch {
  readonly topic: string;
  readonly events: EventRun;
  readonly expectedLastOffset: bigint | undefined;
  readonly producer: ProducerPosition | undefined;
}

/** Checks a request and says what it asks of the store. Errors: `invalid` with all violations, `forbidden` TOPIC_RESERVED. */
export function appendOne(request: PublishOne, author: string, limits: EventLimits): AppendEvents {
  const violations = createViolations();
  checkTopicName(violations, 'topic', request.topic);
  const expectedLastOffset = checkExpected(violations, request.expectedLastOffset);
  const { event } = request;
  if (event) checkEncodedEvent(violations, 'event', event, 0, event.length, limits);
  else violations.add('event', 'is required');
  violations.throwIfAny();
  refuseReserved(request.topic);
  const events = encodeEventRun(event ? [event] : []);
  return { kind: 'append-events', topic: request.topic, author, events, expectedLastOffset };
}

/** Events that are checked before others have their turn: a millisecond at most if they are plain, some if they are not. */
const EVENTS_IN_A_TURN = 1_000;

/**
 * As `appendOne`, for a batch.
 * @param takeTurn called on the way through a large batch; resolves when others had their turn
 */
export async function appendBatch(
  request: PublishBatch,
  author: string,
  limits: EventLimits,
  takeTurn: () => Promise<void>,
): Promise<AppendEvents> {
  const violations = createViolations();
  checkTopicName(violations, 'topic', request.topic);
  const expectedLastOffset = checkExpected(violations, request.expectedLastOffset);
  const producer = request.producer && checkProducer(violations, request.producer);
  if (isRunSizeValid(violations, request.events)) await checkRun(violations, request.events, limits, takeTurn);
  violations.throwIfAny();
  refuseReserved(request.topic);
  const { topic, events } = request;
  return { kind: 'append-events', topic, author, events, expectedLastOffset, producer };
}

function checkExpected(violations: Violations, offset: bigint | undefined): number | undefined {
  return offset === undefined ? undefined : checkOffset(violations, 'expected_last_offset', offset);
}

function checkProducer(violations: Violations, { producerId, firstSequence, transient }: ProducerPosition) {
  checkLength(violations, 'producer.producer_id', producerId, 1, MAX_PRODUCER_ID);
  const first = checkSize(violations, 'producer.first_sequence', firstSequence, 1n);
  return { producerId, firstSequence: first, keep: transient !== true };
}

function isRunSizeValid(violations: Violations, { bytes, count }: EventRun): boolean {
  if (count === 0) violations.add('events', 'is required: a batch has at least one event');
  if (count > MAX_BATCH_EVENTS) violations.add('events', `must have at most ${MAX_BATCH_EVENTS} entries, has ${count}`);
  if (bytes.length > MAX_BATCH_BYTES) {
    violations.add('events', `must have at most ${MAX_BATCH_BYTES} bytes together, has ${bytes.length}`);
  }
  return count <= MAX_BATCH_EVENTS && bytes.length <= MAX_BATCH_BYTES;
}

async function checkRun(
  violations: Violations,
  { bytes }: EventRun,
  limits: EventLimits,
  takeTurn: () => Promise<void>,
): Promise<void> {
  const reader = new WireReader(bytes);
  for (let index = 0; reader.pos < bytes.length; index++) {
    if (index % EVENTS_IN_A_TURN === EVENTS_IN_A_TURN - 1) await takeTurn();
    const end = nextInRun(reader);
    checkEncodedEvent(violations, `events[${index}]`, bytes, reader.pos, end, limits);
    reader.pos = end;
  }
}

function refuseReserved(topic: string): void {
  if (isReservedTopic(topic)) throw topicReserved(topic, 'publish to a topic outside "sys/" and "rooms/"');
}

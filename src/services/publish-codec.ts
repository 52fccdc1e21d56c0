import { type ProducerPosition, PublishEventRequest, PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import { type EventRun, encodeEventRun } from '../store/encoding/event-run.js';
import { joinPieces, strictReader, takeOut } from './take-out.js';

/** PublishEventRequest with the event as it came. */
export interface EncodedPublishEvent {
  readonly topic: string;
  /** undefined: absent. */
  readonly event: Uint8Array | undefined;
  readonly expectedLastOffset: bigint | undefined;
}

/** PublishEventsRequest with the events as they came. */
export interface EncodedPublishEvents {
  readonly topic: string;
  readonly events: EventRun;
  readonly expectedLastOffset: bigint | undefined;
  readonly producer: ProducerPosition | undefined;
}

const EVENT_IN_PUBLISH_EVENT = 2;
const EVENTS_IN_PUBLISH_EVENTS = 1;

/** Decodes all but the event. Throws for bytes that are no such message. */
export function decodePublishEvent(bytes: Uint8Array): EncodedPublishEvent {
  const taken = takeOut(bytes, EVENT_IN_PUBLISH_EVENT);
  const { topic, expectedLastOffset } = PublishEventRequest.decode(strictReader(taken.rest));
  return { topic, event: joinPieces(taken), expectedLastOffset };
}

/** Decodes all but the events, which stay one run. Throws for bytes that are no such message. */
export function decodePublishEvents(bytes: Uint8Array): EncodedPublishEvents {
  const { values, count, rest, run } = takeOut(bytes, EVENTS_IN_PUBLISH_EVENTS);
  const { topic, expectedLastOffset, producer } = PublishEventsRequest.decode(strictReader(rest));
  const events = { bytes: run ?? encodeEventRun(values).bytes, count };
  return { topic, events, expectedLastOffset, producer };
}

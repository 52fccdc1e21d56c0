import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Status } from 'nice-grpc';
import { Event } from '../../../gen/leat/v1/event.js';
import { PublishEventsRequest, type ProducerPosition } from '../../../gen/leat/v1/event_service.js';
import { clientReasons, LeatError } from '../leat-error.js';
import type { PublishInput } from './publish-options.js';

/** Events that are sent together, encoded once for all tries. */
export interface EventBatch {
  readonly count: number;
  /** How many of the source's events come before. */
  readonly before: bigint;
  /** The field `events` of a PublishEventsRequest. */
  readonly run: Uint8Array;
}

/** Field 1 of PublishEventsRequest, length-delimited. */
const EVENTS_TAG = (1 << 3) | 2;

/** One event as it stands in a run. Throws EVENT_ID_MISSING, or what the encoder throws, if it is no such event. */
export function encodeEvent(event: PublishInput, needsId = false): Uint8Array {
  if (needsId && !event.id) throw idMissing();
  const bytes = Event.encode(Event.fromPartial(event)).finish();
  return new BinaryWriter().uint32(EVENTS_TAG).bytes(bytes).finish();
}

/** The whole request. The order of fields does not matter on the wire, so the run goes first, as it is. */
export function encodeRequest(run: Uint8Array, topic: string, producer: ProducerPosition | undefined): Uint8Array {
  const rest = PublishEventsRequest.encode(PublishEventsRequest.fromPartial({ topic, producer })).finish();
  return Buffer.concat([run, rest]);
}

function idMissing(): LeatError {
  return new LeatError('an event has no id; give it one, or let events be numbered (by: "producer")', {
    code: Status.INVALID_ARGUMENT,
    reason: clientReasons.idMissing,
  });
}

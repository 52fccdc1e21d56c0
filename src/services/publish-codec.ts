import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type ProducerPosition, PublishEventRequest, PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import { type EventRun, RUN_TAG, encodeEventRun } from '../store/encoding/event-run.js';
import { decodeUtf8 } from '../store/encoding/utf8.js';
import { WIRE_LEN, WireReader } from '../store/encoding/wire.js';

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
  const { values, rest } = takeOut(bytes, EVENT_IN_PUBLISH_EVENT);
  const { topic, expectedLastOffset } = PublishEventRequest.decode(strictReader(rest));
  // A field that comes in several pieces means their concatenation.
  const event = values.length > 1 ? Buffer.concat(values) : values[0];
  return { topic, event, expectedLastOffset };
}

/** Decodes all but the events, which stay one run. Throws for bytes that are no such message. */
export function decodePublishEvents(bytes: Uint8Array): EncodedPublishEvents {
  const { values, rest, run } = takeOut(bytes, EVENTS_IN_PUBLISH_EVENTS);
  const { topic, expectedLastOffset, producer } = PublishEventsRequest.decode(strictReader(rest));
  const events = run ? { bytes: run, count: values.length } : encodeEventRun(values);
  return { topic, events, expectedLastOffset, producer };
}

function strictReader(bytes: Uint8Array): BinaryReader {
  return new BinaryReader(bytes, decodeUtf8);
}

interface TakenOut {
  /** The field's values, as views. */
  readonly values: Uint8Array[];
  /** The message without the field. */
  readonly rest: Uint8Array;
  /** The values with their tags and lengths, if they stand next to one another as elements of a run. */
  readonly run: Uint8Array | undefined;
}

function takeOut(bytes: Uint8Array, field: number): TakenOut {
  const reader = new WireReader(bytes);
  const values: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  let isRun = true;
  let [runStart, runEnd, restStart] = [0, 0, 0];
  while (reader.pos < bytes.length) {
    const start = reader.pos;
    const tag = reader.tag();
    if (tag >>> 3 !== field || (tag & 7) !== WIRE_LEN) {
      reader.skip(tag & 7);
      continue;
    }
    const end = reader.lengthEnd();
    if (values.length === 0) runStart = start;
    else if (start !== runEnd) isRun = false;
    // A tag that is written in more bytes than it needs is legal, but no element of a run.
    if (bytes[start] !== RUN_TAG) isRun = false;
    values.push(bytes.subarray(reader.pos, end));
    if (start > restStart) rest.push(bytes.subarray(restStart, start));
    reader.pos = runEnd = restStart = end;
  }
  if (restStart < bytes.length) rest.push(bytes.subarray(restStart));
  const [only] = rest;
  return {
    values,
    rest: rest.length === 1 && only ? only : Buffer.concat(rest),
    run: isRun ? bytes.subarray(runStart, runEnd) : undefined,
  };
}

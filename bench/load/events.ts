import { Event } from '../../gen/leat/v1/event.js';
import { PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import { type EventRun, encodeEventRun } from '../../src/store/encoding/event-run.js';

/** What most benches publish: 64 bytes that do not repeat within a batch. */
const PAYLOAD_BYTES = 64;

export function sampleEvent(index: number, payloadBytes = PAYLOAD_BYTES): Event {
  const value = new Uint8Array(payloadBytes);
  for (let at = 0; at < payloadBytes; at++) value[at] = (index * 31 + at * 7) & 0xff;
  return Event.fromPartial({ type: 'bench.sample', payload: { $case: 'data', value } });
}

export function encodedEvents(count: number, payloadBytes?: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => Event.encode(sampleEvent(index, payloadBytes)).finish());
}

export function sampleRun(count: number, payloadBytes?: number): EventRun {
  return encodeEventRun(encodedEvents(count, payloadBytes));
}

/** A gRPC frame: not compressed, length, message. */
export function frame(...parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(
    parts.reduce((sum, part) => sum + part.length, 0),
    1,
  );
  return Buffer.concat([head, ...parts]);
}

/** Frames of PublishEventsRequest with the same events and the sequence going on; made by copying. */
export function createBatchFrames(topic: string, producerId: string, run: EventRun): () => Buffer {
  let nextSequence = 1;
  return () => {
    const producer = { producerId, firstSequence: BigInt(nextSequence) };
    nextSequence += run.count;
    return frame(run.bytes, PublishEventsRequest.encode({ events: [], topic, producer }).finish());
  };
}

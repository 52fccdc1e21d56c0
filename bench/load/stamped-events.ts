import { Event } from '../../gen/leat/v1/event.js';
import { PublishEventRequest } from '../../gen/leat/v1/event_service.js';
import { frame, sampleEvent } from './events.js';

/** The payload is the last field of an event, and the event that of a request: a place for the time, made once. */
const PAYLOAD_BYTES = 64;

/** What is sent: a request to publish, or the bare event. */
export type StampedShape = 'request' | 'event';

/** Makes frames whose payload begins with the time at which they were made, by the clock that all processes share. */
export function createStampedFrames(shape: StampedShape, topic: string): () => { bytes: Buffer; atNs: bigint } {
  const event = sampleEvent(0, PAYLOAD_BYTES);
  const message =
    shape === 'event'
      ? Event.encode(event)
      : PublishEventRequest.encode({ topic, event, expectedLastOffset: undefined });
  const template = frame(message.finish());
  return () => {
    const bytes = Buffer.from(template);
    const atNs = process.hrtime.bigint();
    bytes.writeBigUInt64LE(atNs, bytes.length - PAYLOAD_BYTES);
    return { bytes, atNs };
  };
}

export function stampOf(event: Event | undefined): bigint {
  if (event?.payload?.$case !== 'data') throw new Error('an event came without its payload');
  return Buffer.from(event.payload.value).readBigUInt64LE(0);
}

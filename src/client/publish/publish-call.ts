import type { CallOptions } from 'nice-grpc';
import { PublishEventsResponse } from '../../../gen/leat/v1/event_service.js';
import { linkSignals } from '../link-signals.js';
import type { BatchSource } from './batch-source.js';
import { encodeRequest, type EventBatch } from './event-batch.js';
import type { Numbering } from './numbering.js';

const same = (bytes: Uint8Array) => bytes;

/** EventService.PublishEvents with requests that are encoded already. */
export const EncodedPublishDefinition = {
  publishEvents: {
    path: '/leat.v1.EventService/PublishEvents',
    requestStream: true,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: (response: PublishEventsResponse) => PublishEventsResponse.encode(response).finish(),
    responseDeserialize: (bytes: Uint8Array) => PublishEventsResponse.decode(bytes),
    options: {},
  },
} as const;

/** Sends encoded `PublishEventsRequest`s. */
export interface EncodedPublishClient {
  publishEvents(requests: AsyncIterable<Uint8Array>, options?: CallOptions): Promise<PublishEventsResponse>;
}

export interface PublishCall {
  readonly client: EncodedPublishClient;
  readonly topic: string;
  readonly numbering: Numbering;
  readonly source: BatchSource;
  /** Batches without an answer, in their order: sent first. What is sent besides is added. */
  readonly held: EventBatch[];
  /** The call half-closes when it has sent so much, or is so old. */
  readonly callBytes: number;
  readonly callMs: number;
  readonly signal: AbortSignal;
}

/** One call of PublishEvents; resolves when all that is held is durable. */
export async function publishCall(call: PublishCall): Promise<PublishEventsResponse> {
  const turn = linkSignals(call.signal);
  const timer = setTimeout(turn.abort, call.callMs);
  try {
    return await call.client.publishEvents(requests(call, turn.signal), { signal: call.signal });
  } finally {
    clearTimeout(timer);
    turn.abort();
    turn.unlink();
  }
}

async function* requests(call: PublishCall, turn: AbortSignal): AsyncGenerator<Uint8Array> {
  const { topic, numbering, source, held, callBytes } = call;
  const encode = (batch: EventBatch) => encodeRequest(batch.run, topic, numbering.positionOf(batch));
  let bytes = 0;
  for (const batch of [...held]) {
    bytes += batch.run.length;
    yield encode(batch);
  }
  while (bytes < callBytes) {
    const batch = await source.peek(turn);
    // A turn that is over takes nothing: its batch belongs to the next one.
    if (batch === undefined || turn.aborted) return;
    source.take();
    held.push(batch);
    bytes += batch.run.length;
    yield encode(batch);
  }
}

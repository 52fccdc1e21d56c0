import { ListEventsRequest, ListEventsResponse } from '../../gen/leat/v1/event_service.js';
import { EventRecord } from '../../gen/leat/v1/event.js';
import { frame } from './events.js';
import type { RawConnection } from './raw-call.js';

export interface ReplayOrder {
  readonly path: string;
  /** What one message holds: a page of records, or one. */
  readonly shape: 'pages' | 'records';
  readonly topic: string;
  /** How many there are. */
  readonly events: number;
}

/** Bytes of a replay whose every message was looked at, by path. */
const verified = new Map<string, number>();

/**
 * Reads a topic from its first event to its end. The first replay of a path is decoded and must have every event; the
 * others must have as many bytes, so that they cost this process nothing.
 */
export async function countBytes(connection: RawConnection, order: ReplayOrder): Promise<void> {
  const { path, topic } = order;
  const expected = verified.get(path);
  const { stream, done } = connection.call(path);
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (expected === undefined) chunks.push(chunk);
  });
  stream.end(frame(ListEventsRequest.encode(ListEventsRequest.fromPartial({ topic })).finish()));
  await done;
  if (expected === undefined) checkAll(Buffer.concat(chunks), order);
  else if (bytes !== expected) throw new Error(`${path} sent ${bytes} bytes, not ${expected}`);
  verified.set(path, bytes);
}

function checkAll(body: Buffer, { shape, events }: ReplayOrder): void {
  let next = 1n;
  for (let at = 0; at < body.length;) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    const message = body.subarray(at + 5, end);
    const records = shape === 'pages' ? ListEventsResponse.decode(message).records : [EventRecord.decode(message)];
    for (const { offset } of records) if (offset !== next++) throw new Error(`offset ${offset} came out of order`);
    at = end;
  }
  if (next !== BigInt(events) + 1n) throw new Error(`${next - 1n} events came, not ${events}`);
}

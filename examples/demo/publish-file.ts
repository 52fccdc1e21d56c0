import type { DeepPartial, PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import type { LeatClient } from '../../src/client/connect.js';
import { count, since, type Report } from './report.js';
import type { SourceFile } from './source-file.js';

export const topic = 'demo/lines';
const batchEvents = 256;
const callEvents = 10_240;

/** Publishes the file, a line an event, and then some of it again. */
export async function publishFile({ events }: LeatClient, file: SourceFile, report: Report, signal: AbortSignal) {
  const total = file.events.length;
  const start = performance.now();
  let accepted = 0n;
  // A call is answered when all of it is on disk, so what may have to be sent again stays below one call.
  for (let from = 0; from < total; from += callEvents) {
    const answer = await events.publishEvents(batches(file, from, Math.min(from + callEvents, total)), { signal });
    accepted += answer.accepted;
  }
  const rate = Math.round(total / ((performance.now() - start) / 1000));
  report.chapter(
    'publish',
    `${count(total)} lines of ${file.name} in ${since(start)}: ${count(rate)} durable events/s`,
  );
  const { topic: stored } = await events.getTopic({ topic }, { signal });
  report.check(accepted === BigInt(total) && stored?.headOffset === accepted, `the log ends at offset ${count(total)}`);
  const again = await events.publishEvents(batches(file, total - 5_000, total), { signal });
  report.check(
    again.duplicates === 5_000n && again.accepted === 0n,
    'the last 5,000 sent again: all recognized by id, none appended',
  );
}

async function* batches(file: SourceFile, from: number, to: number): AsyncGenerator<DeepPartial<PublishEventsRequest>> {
  for (let at = from; at < to; at += batchEvents) {
    yield { topic, events: file.events.slice(at, Math.min(at + batchEvents, to)) };
  }
}

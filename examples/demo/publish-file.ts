import type { LeatClient } from '../../src/client/index.js';
import { count, since, type Report } from './report.js';
import type { SourceFile } from './source-file.js';

export const topic = 'demo/lines';

/** Publishes the file, a line an event, and then some of it again. */
export async function publishFile(client: LeatClient, file: SourceFile, report: Report, signal: AbortSignal) {
  const total = file.events.length;
  const start = performance.now();
  const { accepted } = await client.publish(topic, file.events, { by: 'id', signal });
  const rate = Math.round(total / ((performance.now() - start) / 1000));
  report.chapter(
    'publish',
    `${count(total)} lines of ${file.name} in ${since(start)}: ${count(rate)} durable events/s`,
  );
  const { topic: stored } = await client.events.getTopic({ topic }, { signal });
  report.check(accepted === BigInt(total) && stored?.headOffset === accepted, `the log ends at offset ${count(total)}`);
  const again = await client.publish(topic, file.events.slice(-5_000), { by: 'id', signal });
  report.check(
    again.duplicates === 5_000n && again.accepted === 0n,
    'the last 5,000 sent again: all recognized by id, none appended',
  );
}

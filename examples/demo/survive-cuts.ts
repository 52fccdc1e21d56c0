import { createHash } from 'node:crypto';
import { createLeatClient, type LeatClient } from '../../src/client/index.js';
import { startCuttingProxy } from './cutting-proxy.js';
import { textOf } from './filter-lines.js';
import { topic } from './publish-file.js';
import { count, since, type Report } from './report.js';
import type { SourceFile } from './source-file.js';

/** Reads the whole log over a wire that is cut three times, at any byte, and compares what came with the file. */
export async function surviveCuts(address: string, file: SourceFile, report: Report, signal: AbortSignal) {
  const cutsAt = [0.4, 0.9, 1.4].map((part) => Math.round(file.bytes.length * (part + Math.random() / 10)));
  report.chapter('resume', 'the whole log again, over a connection that is cut three times');
  const start = performance.now();
  const read = { lines: [] as string[], gaps: 0, cuts: 0 };
  const proxy = await startCuttingProxy(address, {
    direction: 'to-reader',
    at: cutsAt,
    onCut(bytes) {
      read.cuts += 1;
      report.line(`✂ cut after ${count(bytes)} bytes; ${count(read.lines.length)} events were read`);
    },
  });
  const client = createLeatClient({ address: proxy.address });
  try {
    await readLines(client, read, signal);
  } finally {
    await client.close();
    await proxy.close();
  }
  report.line(`${count(read.lines.length)} events in ${since(start)}, each time on from the last resume_token`);
  report.check(read.cuts === 3, 'the connection was cut three times');
  report.check(
    read.gaps === 0 && read.lines.length === file.events.length,
    'every event came once, in order, none twice',
  );
  const bytes = Buffer.from(read.lines.join('\n') + (file.endsWithLineFeed ? '\n' : ''));
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  report.check(
    bytes.equals(file.bytes),
    `put together they are the file, byte for byte (${count(bytes.length)} bytes, sha256 ${digest}…)`,
  );
}

async function readLines(client: LeatClient, read: { lines: string[]; gaps: number }, signal: AbortSignal) {
  for await (const { offset, event } of client.follow(topic, { live: false, signal })) {
    if (offset !== BigInt(read.lines.length + 1)) read.gaps += 1;
    read.lines.push(textOf(event));
  }
}

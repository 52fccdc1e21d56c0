import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLeatClient } from '../../src/client/index.js';
import { downloadFile } from './download-file.js';
import { filterLines } from './filter-lines.js';
import { followUsers } from './follow-users.js';
import { findLargeFile } from './large-file.js';
import { publishFile } from './publish-file.js';
import { count, createReport, since, type Report } from './report.js';
import { startService } from './service-process.js';
import { readSourceFile } from './source-file.js';
import { stopService } from './stop-service.js';
import { surviveCuts } from './survive-cuts.js';
import { createUsers } from './create-users.js';
import { talkInRooms } from './talk-in-rooms.js';
import { uploadFile } from './upload-file.js';

/** Longer than this and something hangs. */
const deadlineMs = 100_000;

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort());
const report = createReport(console.log);
try {
  const start = performance.now();
  await demo(report, AbortSignal.any([interrupted.signal, AbortSignal.timeout(deadlineMs)]));
  console.log(`\nAll ${count(report.checks())} promises kept, in ${since(start)}. Nothing is left behind.`);
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  console.error(interrupted.signal.aborted ? '\ninterrupted' : `\nThe demo failed: ${reason}`);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}

async function demo(report: Report, signal: AbortSignal): Promise<void> {
  const file = readSourceFile();
  const folder = await mkdtemp(path.join(tmpdir(), 'leat-demo-'));
  const dataDir = path.join(folder, 'data');
  try {
    const start = performance.now();
    const service = await startService(dataDir);
    report.chapter(
      'service',
      `leat serve, ready after ${since(start)} on ${service.address}, with its data in ${dataDir}`,
    );
    const client = createLeatClient({ address: service.address, user: 'demo' });
    try {
      await createUsers(client, report, signal);
      await publishFile(client, file, report, signal);
      await filterLines(client, file, report, signal);
      await surviveCuts(service.address, file, report, signal);
      await followUsers(client, report, signal);
      const large = await findLargeFile(signal);
      await uploadFile(client, service, large, report, signal);
      await downloadFile(service.address, large, path.join(folder, large.name), report, signal);
      await talkInRooms(service.address, report, signal);
      await stopService(client, service, report, signal);
    } finally {
      await client.close();
      await service.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

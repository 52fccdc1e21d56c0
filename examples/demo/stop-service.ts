import { LeatError, type LeatClient } from '../../src/client/index.js';
import { since, type Report } from './report.js';
import type { ServiceProcess } from './service-process.js';
import { topic } from './publish-file.js';

/** Drains the service while somebody follows a topic. */
export async function stopService(client: LeatClient, service: ServiceProcess, report: Report, signal: AbortSignal) {
  const start = performance.now();
  let stopped: Promise<number | null> | undefined;
  let farewell: unknown;
  try {
    const request = { topic, start: { position: { $case: 'last', value: 0n } }, follow: true } as const;
    for await (const _page of client.events.listEvents(request, { signal })) stopped ??= service.stop();
  } catch (error) {
    farewell = error;
  }
  const exitCode = await (stopped ?? service.stop());
  const told = LeatError.from(farewell);
  report.chapter('stop', `SIGTERM, with a tail open: exit code ${exitCode} after ${since(start)}`);
  report.check(told.retryAfterMs !== undefined, `the tail was told to call again (${told.reason ?? told.message})`);
  report.check(exitCode === 0, 'the service ended by itself, with nothing cut');
}

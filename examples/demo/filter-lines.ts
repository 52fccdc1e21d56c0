import type { Event, FollowedEvent, FollowFilter, LeatClient } from '../../src/client/index.js';
import { topic } from './publish-file.js';
import { count, since, type Report } from './report.js';
import type { SourceFile } from './source-file.js';

/** Reads the part of the log that a filter lets through, and compares it with the file. */
export async function filterLines(client: LeatClient, file: SourceFile, report: Report, signal: AbortSignal) {
  const filter = { types: ['code.*'], subjects: ['WebSocket'] };
  const start = performance.now();
  const records = await readAll(client, filter, signal);
  report.chapter('filter', `type code.* and subject WebSocket: ${count(records.length)} events in ${since(start)}`);
  for (const { offset, event } of records.slice(0, 4)) report.line(`${count(offset).padStart(7)}  ${textOf(event)}`);
  report.line('      …');
  const expected = file.events.flatMap(({ type, subject }, index) =>
    type?.startsWith('code.') && subject === 'WebSocket' ? [index + 1] : [],
  );
  const offsets = records.map(({ offset }) => Number(offset));
  report.check(
    offsets.length > 0 && offsets.join() === expected.join(),
    'these are the lines of the file that match, and no others',
  );
}

async function readAll(client: LeatClient, filter: FollowFilter, signal: AbortSignal) {
  const records: FollowedEvent[] = [];
  for await (const record of client.follow(topic, { filter, live: false, signal })) records.push(record);
  return records;
}

/** The text that an event carries; empty if it carries none. */
export function textOf({ payload }: Event): string {
  return payload?.$case === 'text' ? payload.value : '';
}

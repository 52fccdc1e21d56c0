import { nextInRun } from '../../store/encoding/event-run.js';
import { WireReader } from '../../store/encoding/wire.js';
import type { Store } from '../../store/store.js';
import { DomainError } from '../errors.js';
import { checkPosition } from '../events/check-position.js';
import type { HistoryQuery } from './chat-requests.js';

/** A page ends here whatever its size, for clients refuse messages above 4 MiB. */
const MAX_PAGE_BYTES = 1024 * 1024;
/** The log is read forwards, and messages may be large: this many of them at a time. */
const MESSAGES_A_READ = 100;

export interface HistoryPage {
  /** Encoded records, as a run of field 1 (`records`), the oldest first. */
  readonly records: Uint8Array;
  readonly nextPageToken: string;
  readonly head: number;
  /** The position of `head`. */
  readonly resumeToken: string;
}

/** Messages right below an offset, as many as fit into a page. Errors: `out-of-range` OFFSET_BEYOND_HEAD, `precondition` EPOCH_CHANGED. */
export async function listMessages(store: Store, query: HistoryQuery): Promise<HistoryPage> {
  const { topic, before, limit, tokens, resumeTokens, place } = query;
  if (place) await checkPosition(store, topic, 'page_token', place);
  const info = await store.topic(topic);
  const head = info?.headOffset ?? 0;
  const end = before ?? head + 1;
  if (end > head + 1) throw beyondHead(topic, end, head);
  const first = info?.firstOffset ?? end;
  const records: Uint8Array[] = [];
  let bytes = 0;
  let from = end;
  while (from > first && records.length < limit && bytes < MAX_PAGE_BYTES) {
    const start = Math.max(first, from - Math.min(MESSAGES_A_READ, limit - records.length));
    const fitting = newestWithin(
      await readRange(store, topic, start, from - 1),
      MAX_PAGE_BYTES - bytes,
      records.length,
    );
    if (fitting.length === 0) break;
    records.unshift(...fitting);
    bytes += fitting.reduce((sum, record) => sum + record.length, 0);
    from -= fitting.length;
  }
  const nextPageToken =
    from > first ? tokens.encode({ offset: from, key: '', commitTimeMs: await store.commitTime(topic, from) }) : '';
  const resumeToken = resumeTokens.encode({ offset: head, key: '', commitTimeMs: await store.commitTime(topic, head) });
  return { records: Buffer.concat(records), nextPageToken, head, resumeToken };
}

/** The encoded records of a range, each with its tag and length. */
async function readRange(store: Store, topic: string, first: number, last: number): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  for (let after = first - 1; after < last;) {
    const page = await store.readPage(topic, after, { last });
    records.push(...split(page.bytes));
    after = page.scannedTo;
  }
  return records;
}

function split(run: Uint8Array): Uint8Array[] {
  const reader = new WireReader(run);
  const records: Uint8Array[] = [];
  while (reader.pos < run.length) {
    const start = reader.pos;
    reader.pos = nextInRun(reader);
    records.push(run.subarray(start, reader.pos));
  }
  return records;
}

/** As many of the last ones as fit; one at least if there is `none` before. */
function newestWithin(records: Uint8Array[], maxBytes: number, before: number): Uint8Array[] {
  let bytes = 0;
  let start = records.length;
  for (; start > 0; start--) {
    bytes += records[start - 1]?.length ?? 0;
    if (bytes > maxBytes && before + records.length - start > 0) break;
  }
  return records.slice(start);
}

function beyondHead(topic: string, before: number, head: number): DomainError {
  const message = `"${topic}" ends at offset ${head}: before_offset must be at most ${head + 1}, is ${before}`;
  return new DomainError('out-of-range', 'OFFSET_BEYOND_HEAD', message, {
    metadata: { topic, head_offset: `${head}` },
  });
}

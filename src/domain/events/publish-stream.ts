import { throwIfAborted } from 'abort-controller-x';
import type { AppendEvents, AppendResult, Store } from '../../store/store.js';

/** What a stream may have on its way to the disk. */
const MAX_PENDING_BYTES = 1024 * 1024;
const MAX_PENDING_BATCHES = 64;

/** What became of one topic. */
export interface TopicProgress {
  accepted: number;
  firstOffset: number;
  lastOffset: number;
}

export interface PublishTotals {
  /** Batches that are durable: the first so many of the stream. */
  committed: number;
  accepted: number;
  duplicates: number;
  readonly topics: Map<string, TopicProgress>;
}

interface Pending {
  readonly append: AppendEvents;
  readonly written: Promise<readonly [AppendResult]>;
}

/**
 * Commits the batches of one stream in order and pipelined: while some are on their way to the disk the next ones come
 * in, up to 1 MiB or 64 batches. When one fails, none behind it commits.
 */
export function createPublishStream(store: Store) {
  const chain = {};
  const pending: Pending[] = [];
  const totals: PublishTotals = { committed: 0, accepted: 0, duplicates: 0, topics: new Map() };
  let pendingBytes = 0;

  async function settleOldest(): Promise<void> {
    const oldest = pending[0];
    if (!oldest) return;
    const [result] = await oldest.written;
    pending.shift();
    pendingBytes -= oldest.append.events.bytes.length;
    count(totals, oldest.append.topic, result);
  }

  async function finish(): Promise<void> {
    while (pending.length > 0) await settleOldest();
  }

  return {
    /** What is durable so far. */
    totals,

    /** Hands a batch to the store, after waiting for room. Throws the error of the first batch that failed. */
    async add(append: AppendEvents, signal: AbortSignal): Promise<void> {
      const size = append.events.bytes.length;
      while (pending.length >= MAX_PENDING_BATCHES || (pending.length > 0 && pendingBytes + size > MAX_PENDING_BYTES)) {
        await settleOldest();
      }
      throwIfAborted(signal);
      const room = await store.room(size, signal);
      const written = store.write([append], { chain, room });
      // Reported when its turn comes; until then a failure is not unhandled.
      written.catch(() => undefined);
      pending.push({ append, written });
      pendingBytes += size;
    },

    /** Waits until everything is durable. Throws the error of the first batch that failed. */
    finish,

    /** What ended the stream: the failure of a batch that came before `error`, or else `error`; `totals` are final then. */
    firstError: (error: unknown): Promise<unknown> =>
      finish().then(
        () => error,
        (earlier: unknown) => earlier,
      ),
  };
}

function count(totals: PublishTotals, topic: string, result: AppendResult): void {
  totals.committed++;
  totals.accepted += result.accepted;
  totals.duplicates += result.duplicates;
  const progress = totals.topics.get(topic) ?? { accepted: 0, firstOffset: 0, lastOffset: 0 };
  totals.topics.set(topic, progress);
  if (result.accepted === 0) return;
  progress.accepted += result.accepted;
  if (progress.firstOffset === 0) progress.firstOffset = result.firstOffset;
  progress.lastOffset = result.lastOffset;
}

import { throwIfAborted } from 'abort-controller-x';
import type { AppendEvents, AppendResult, Store } from '../../store/store.js';
import { invalid } from '../errors.js';

/** What a stream may have on its way to the disk. */
const MAX_PENDING_BYTES = 1024 * 1024;
const MAX_PENDING_BATCHES = 64;
/** Each costs memory for as long as the stream lives, and a line of the answer. */
const MAX_TOPICS = 1_000;

type Written = Promise<readonly [AppendResult]>;

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
  /** In the order in which they were first written to; at most 1,000. */
  readonly topics: Map<string, TopicProgress>;
}

/**
 * Commits the batches of one stream in order and pipelined: while some are on their way to the disk the next ones come
 * in, up to 1 MiB or 64 batches. When one fails, none behind it commits. One caller, who waits for one thing at a time.
 * @param flow as in `WriteOptions`
 */
export function createPublishStream(store: Store, flow?: unknown) {
  const chain = {};
  const named = new Set<string>();
  const totals: PublishTotals = { committed: 0, accepted: 0, duplicates: 0, topics: new Map() };
  let failure: Error | undefined;
  let batches = 0;
  let bytes = 0;
  let settled = Promise.resolve();
  let onSettled: () => void = () => undefined;

  /** Whatever comes to its end first, results are looked at in the order of the stream. */
  async function settle(before: Promise<void>, topic: string, size: number, written: Written) {
    await before;
    try {
      const [result] = await written;
      if (!failure) count(totals, topic, result);
    } catch (error) {
      failure ??= error as Error;
    }
    batches--;
    bytes -= size;
    onSettled();
  }

  const isFull = (size: number) => batches >= MAX_PENDING_BATCHES || (batches > 0 && bytes + size > MAX_PENDING_BYTES);

  async function room(size: number): Promise<void> {
    while (!failure && isFull(size)) await new Promise<void>((resolve) => (onSettled = resolve));
    if (failure) throw failure;
  }

  /** `next`, or the failure of a batch if that comes first. */
  function orFailure<T>(next: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      onSettled = () => failure && reject(failure);
      onSettled();
      next.then(resolve, reject);
    });
  }

  return {
    /** What is durable so far. */
    totals,

    /** The same, but throws the error of the first batch that failed as soon as it is known. */
    untilFailure<T>(requests: AsyncIterable<T>): AsyncIterable<T> {
      const iterator = requests[Symbol.asyncIterator]();
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => orFailure(iterator.next()),
          async return() {
            // Not awaited: after a failure it ends only with the call.
            iterator.return?.().catch(() => undefined);
            return { done: true, value: undefined };
          },
        }),
      };
    },

    /**
     * Hands a batch to the store, after waiting for room. Errors: that of the first batch that failed, `invalid` for
     * more than 1,000 topics.
     */
    async add(append: AppendEvents, signal: AbortSignal): Promise<void> {
      named.add(append.topic);
      if (named.size > MAX_TOPICS) throw tooManyTopics();
      const size = append.events.bytes.length;
      await room(size);
      throwIfAborted(signal);
      const reserved = await store.room(size, signal, { events: append.events.count, flow });
      const written = store.write([append], { chain, room: reserved, flow });
      // Looked at when its turn comes; until then a failure is not unhandled.
      written.catch(() => undefined);
      settled = settle(settled, append.topic, size, written);
      batches++;
      bytes += size;
    },

    /** Waits until everything is durable. Throws the error of the first batch that failed. */
    async finish(): Promise<void> {
      await settled;
      if (failure) throw failure;
    },

    /** What ended the stream: the failure of a batch that came before `error`, or else `error`; `totals` are final then. */
    async firstError(error: unknown): Promise<unknown> {
      await settled;
      return failure ?? error;
    },
  };
}

function tooManyTopics() {
  const description = `is one more than the ${MAX_TOPICS} topics that one stream may name; open another stream for it`;
  return invalid([{ field: 'topic', description }]);
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

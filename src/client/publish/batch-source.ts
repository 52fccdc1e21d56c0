import { startExpiry, type Expiry } from '../expiry.js';
import { unlessAborted } from '../unless-aborted.js';
import { encodeEvent, type EventBatch } from './event-batch.js';
import type { PublishInput } from './publish-options.js';

/** Batches for one call after the other; a call that stops waiting for a batch does not lose it. */
export interface BatchSource {
  /** The next batch; undefined at the end, or when `signal` aborts first. The same one until it is taken. */
  peek(signal: AbortSignal): Promise<EventBatch | undefined>;
  /** Takes the batch that was peeked at. */
  take(): void;
  /** What ended the batches too early, if something did. */
  readonly failure: { readonly error: unknown } | undefined;
  /** Tells the events that no more of them are wanted. */
  close(): Promise<void>;
}

export interface BatchLimits {
  readonly bytes: number;
  readonly events: number;
  readonly ms: number;
  /** Whether an event without an id is refused. */
  readonly needIds?: boolean;
}

/** Asks `events` for the next event only while somebody waits for a batch; holds one batch and one event, at most. */
export function createBatchSource(
  events: AsyncIterable<PublishInput> | Iterable<PublishInput>,
  first: bigint,
  limits: BatchLimits,
): BatchSource {
  const iterator = iterate(events);
  let reading: Promise<Uint8Array | undefined> | undefined;
  let batch: Promise<EventBatch | undefined> | undefined;
  let before = first;
  let failure: BatchSource['failure'];
  let ended = false;

  async function read(): Promise<Uint8Array | undefined> {
    if (ended) return undefined;
    try {
      const result = await iterator.next();
      if (result.done !== true) return encodeEvent(result.value, limits.needIds);
    } catch (error) {
      failure = { error };
    }
    ended = true;
    return undefined;
  }

  async function collect(): Promise<EventBatch | undefined> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    let expiry: Expiry | undefined;
    try {
      while (parts.length < limits.events && bytes < limits.bytes) {
        reading ??= read();
        const part = await (expiry === undefined ? reading : Promise.race([reading, expiry.passed]));
        if (part === 'passed') break;
        // An event that would make it too large waits for the next batch.
        if (part === undefined || (bytes > 0 && bytes + part.length > limits.bytes)) break;
        reading = undefined;
        parts.push(part);
        bytes += part.length;
        expiry ??= startExpiry(limits.ms);
      }
    } finally {
      expiry?.cancel();
    }
    if (parts.length === 0) return undefined;
    const collected = { count: parts.length, before, run: Buffer.concat(parts, bytes) };
    before += BigInt(parts.length);
    return collected;
  }

  return {
    peek: (signal) => unlessAborted(signal, (batch ??= collect())),
    take: () => void (batch = undefined),
    get failure() {
      return failure;
    },
    async close() {
      // An iterator that somebody waits for answers when it has something, which may be never.
      const closing = ended ? undefined : iterator.return?.();
      if (reading === undefined) await closing;
      else closing?.catch(() => undefined);
    },
  };
}

function iterate(events: AsyncIterable<PublishInput> | Iterable<PublishInput>): AsyncIterator<PublishInput> {
  if (Symbol.asyncIterator in events) return events[Symbol.asyncIterator]();
  return (async function* () {
    yield* events;
  })();
}

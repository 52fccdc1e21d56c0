import { abortable, isAbortError } from 'abort-controller-x';
import type { Batch } from './batch-lines.js';

/** Batches for one call after the other; a call that stops waiting for a batch does not lose it. */
export interface BatchSource {
  /** Resolves with true when a batch is there, with false when there will be none. */
  ready(): Promise<boolean>;
  /** The next batch; undefined at the end, or when `signal` aborts first. */
  take(signal: AbortSignal): Promise<Batch | undefined>;
  /** What ended the batches too early, if something did. */
  failure(): unknown;
}

/** Takes batches from `batches` until they end, fail, or `stop` aborts. Holds one of them. */
export function createBatchSource(batches: AsyncIterable<Batch>, stop: AbortSignal): BatchSource {
  const iterator = batches[Symbol.asyncIterator]();
  let failure: unknown;
  let pending: Promise<Batch | undefined> | undefined;
  const next = async () => {
    try {
      const result = await iterator.next();
      return result.done === true ? undefined : result.value;
    } catch (error) {
      failure = error;
      return undefined;
    }
  };
  const peek = () => unlessAborted(stop, (pending ??= next()));
  return {
    ready: async () => (await peek()) !== undefined,
    async take(signal) {
      const batch = await unlessAborted(signal, peek());
      if (batch !== undefined) pending = undefined;
      return batch;
    },
    failure: () => failure,
  };
}

/** What the promise gives; undefined if `signal` aborts first. Leaves no listener behind. */
async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T | undefined> {
  try {
    return await abortable(signal, promise);
  } catch (error) {
    if (isAbortError(error)) return undefined;
    throw error;
  }
}

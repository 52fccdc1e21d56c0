import { abortable, throwIfAborted } from 'abort-controller-x';
import { createHeartbeat } from './heartbeat.js';
import { yieldToEventLoop } from './pacing.js';
import { createReaderStates } from './reader-state.js';
import type { ReaderState } from './reader-state.js';
import type { TakeTurn } from './turns.js';
import { createWake } from './wake.js';
import type { Wake } from './wake.js';

export type { ReaderState } from './reader-state.js';

/** What the tail looks at of a page; what is in it is the source's. */
export interface TailPage {
  /** Matches in the page. */
  readonly count: number;
  /** Everything up to this offset has been looked at. */
  readonly scannedTo: number;
  /** The last offset of the log when the page was read. */
  readonly head: number;
  /** True: nothing that is wanted can come after this page, for a reason that only the source knows. */
  readonly final?: boolean;
}

/** Where a page ends even if there is more: after `limit` matches, at the offset `last`. */
export interface PageBounds {
  readonly limit?: number;
  readonly last?: number;
}

export interface TailSource<P extends TailPage> {
  /** Reads on after an offset, up to the head, the bounds, or whatever the source holds to be a page. */
  readPage(after: number, bounds: PageBounds): Promise<P>;
  /** A hint that the log grew. Hints may come late, merged, for nothing, or not at all. */
  onWake(callback: () => void): () => void;
}

export interface TailOptions {
  /** Begins with the offset after this one. */
  readonly after: number;
  /** False: ends at the head as it is when the first page is read. */
  readonly follow: boolean;
  /** The last offset to deliver. Default: no end. */
  readonly last?: number;
  /** Ends after so many matches, at least 1. Default: no limit. */
  readonly limit?: number;
  /** An item comes at least this often, in milliseconds, without matches if there are none. */
  readonly heartbeatMs: number;
  readonly signal: AbortSignal;
  /** Waited for between two pages that are there. Default: a turn of the event loop, whoever else takes it. */
  readonly takeTurn?: TakeTurn;
}

export interface TailItem<P extends TailPage> {
  readonly page: P;
  readonly state: ReaderState;
}

/**
 * Replays a log from an offset to its head and then stays, live. Every match comes once, in order. The reader holds a
 * cursor and nothing else: who is slow gets later pages from the source, and nothing is read while nobody asks.
 *
 * The first item comes at once, even if the log is empty. Pages without matches are passed on only if the state
 * changed or a heartbeat is due. The last item, and no other, is `complete`.
 *
 * Errors: what `readPage` throws; AbortError when `signal` aborts. Ended in any of these ways, or by `return()`, which
 * ends a wait that is under way too, it leaves no timer, listener or subscription.
 */
export function tail<P extends TailPage>(
  source: TailSource<P>,
  options: TailOptions,
): AsyncGenerator<TailItem<P>, void, undefined> {
  const wake = createWake((callback) => source.onWake(callback));
  return closeFirst(readOn(source, options, wake), () => wake.close());
}

async function* readOn<P extends TailPage>(
  source: TailSource<P>,
  options: TailOptions,
  wake: Wake,
): AsyncGenerator<TailItem<P>, void, undefined> {
  const { signal, takeTurn = yieldToEventLoop } = options;
  const states = createReaderStates();
  const heartbeat = createHeartbeat(options.heartbeatMs);
  let { after: cursor, last, limit } = options;
  let told: ReaderState | undefined;
  try {
    while (!wake.closed) {
      throwIfAborted(signal);
      // Before the read: what is written after it wakes the wait below.
      if (options.follow) wake.arm();
      const page = await abortable(signal, source.readPage(cursor, { limit, last }));
      cursor = page.scannedTo;
      if (limit !== undefined) limit -= page.count;
      if (!options.follow) last = Math.min(last ?? page.head, page.head);

      const complete = page.final === true || cursor >= (last ?? Infinity) || (limit ?? Infinity) <= 0;
      const state = complete ? 'complete' : states.after(page);
      if (page.count > 0 || state !== told || heartbeat.remainingMs() === 0) {
        heartbeat.beat();
        told = state;
        yield { page, state };
      }
      if (complete) return;
      if (cursor < page.head) await takeTurn(signal);
      else await wake.wait(heartbeat.remainingMs(), signal);
    }
  } finally {
    wake.close();
  }
}

/** A generator hears of `return()` only at its next yield; `close` ends what it waits for until then. */
function closeFirst<T>(
  inner: AsyncGenerator<T, void, undefined>,
  close: () => void,
): AsyncGenerator<T, void, undefined> {
  return {
    next: () => inner.next(),
    return: (value) => {
      close();
      return inner.return(value);
    },
    throw: (error) => {
      close();
      return inner.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return();
    },
  };
}

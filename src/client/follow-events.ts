import { delay, rethrowAbortError } from 'abort-controller-x';
import { TailState } from '../../gen/leat/v1/event.js';
import type {
  DeepPartial,
  EventServiceClient,
  ListEventsRequest,
  ListEventsResponse,
} from '../../gen/leat/v1/event_service.js';
import { backoffDelay, type BackoffOptions } from './backoff.js';
import { isTransient, readCallError } from './call-error.js';

/** A stream that was lost and is about to be called again. */
export interface Cut {
  /** What was wrong; undefined if the stream just ended before its end. */
  readonly error: unknown;
  /** From 1, since the last response. */
  readonly attempt: number;
  readonly delayMs: number;
}

export interface FollowOptions {
  /** Ends the reading with an AbortError. */
  readonly signal?: AbortSignal;
  /** Called before each wait. Default: nothing. */
  readonly onCut?: (cut: Cut) => void;
  readonly backoff?: BackoffOptions;
  /** Tries in a row that may bring nothing before their error is thrown. Default: no limit. */
  readonly maxAttempts?: number;
}

/**
 * Reads a topic as ListEvents does, over as many calls as it takes: each matching event once, in order, whatever
 * happens to the connection. Yields the responses as they come; the last one has TAIL_STATE_COMPLETE, or the events
 * that `limit` asked for are all there. Goes on with the last resume_token after a lost connection, a server that
 * drains, and a stream that ended too early.
 *
 * Throws what the service refuses, and any failure before the first response: an address where nobody listens is
 * the caller's to hear about.
 */
export async function* followEvents(
  events: EventServiceClient,
  request: DeepPartial<ListEventsRequest>,
  { signal = new AbortController().signal, onCut, backoff, maxAttempts = Infinity }: FollowOptions = {},
): AsyncGenerator<ListEventsResponse, void, undefined> {
  const position = createPosition(request);
  let attempt = 0;
  for (;;) {
    let error: unknown;
    try {
      for await (const page of events.listEvents(position.request(), { signal })) {
        attempt = 0;
        position.moveTo(page);
        yield page;
      }
    } catch (thrown) {
      rethrowAbortError(thrown);
      if (!position.finished() && !canGoOn(thrown, position.started())) throw thrown;
      error = thrown;
    }
    if (position.finished()) return;
    if (attempt >= maxAttempts) throw error instanceof Error ? error : new Error('the stream ended too early');
    attempt++;
    const delayMs = Math.max(readCallError(error)?.retryAfterMs ?? 0, backoffDelay(attempt, backoff));
    onCut?.({ error, attempt, delayMs });
    await delay(signal, delayMs);
  }
}

function canGoOn(error: unknown, started: boolean): boolean {
  const failure = readCallError(error);
  return started && failure !== undefined && isTransient(failure);
}

/** What has been read so far, and the request that goes on from there. */
function createPosition(first: DeepPartial<ListEventsRequest>) {
  const limit = BigInt(first.limit ?? 0);
  let delivered = 0n;
  let last: ListEventsResponse | undefined;
  let end = first.end;
  return {
    started: () => last !== undefined,
    moveTo(page: ListEventsResponse): void {
      // Without follow the end is the head at the first call; a later call would take a later head for it.
      if (last === undefined && !first.follow) end ??= { $case: 'beforeOffset', value: page.headOffset + 1n };
      delivered += BigInt(page.records.length);
      last = page;
    },
    finished: () => last?.state === TailState.TAIL_STATE_COMPLETE || (limit > 0n && delivered >= limit),
    request(): DeepPartial<ListEventsRequest> {
      if (last === undefined) return first;
      const start = { position: { $case: 'resumeToken', value: last.resumeToken } } as const;
      return { ...first, start, end, limit: limit > 0n ? limit - delivered : 0n };
    },
  };
}

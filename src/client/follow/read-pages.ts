import { delay, rethrowAbortError } from 'abort-controller-x';
import { Status } from 'nice-grpc';
import type { DeepPartial, ListEventsRequest, ListEventsResponse } from '../../../gen/leat/v1/event_service.js';
import { createAttempts, type AttemptOptions, type Setback } from '../attempts.js';
import type { EventClient } from '../event-client.js';
import { clientReasons, LeatError } from '../leat-error.js';
import { createReadGate } from '../read-gate.js';
import { createPosition, type Position } from './position.js';
import { watchStream } from '../watch-stream.js';

export interface ReadOptions extends AttemptOptions {
  /** Ends the reading with an AbortError. */
  readonly signal: AbortSignal;
  /** A page comes at least this often, in milliseconds; 1,000 to 60,000. Default: 15,000. */
  readonly heartbeatMs?: number;
  /** As maxAttempts, before the first page of all has come. Default: maxAttempts. */
  readonly maxFirstAttempts?: number;
  /** Called before each wait. Default: nothing. */
  readonly onSetback?: (setback: Setback) => void;
}

/** Pages that are decoded while the reader is busy with one. */
const PAGES_AHEAD = 1;

/** A stream is dead if nothing comes for so many heartbeats. */
const MISSED_HEARTBEATS = 3;

/**
 * Reads a topic as ListEvents does, over as many calls as it takes: each matching event once, in order, whatever
 * happens to the connection. Yields the responses as they come; the last one has TAIL_STATE_COMPLETE, or the events
 * that `limit` asked for are all there. Goes on with the last resume_token after a lost connection, a server that
 * drains, a stream that went silent, and a stream that ended too early.
 *
 * Throws LeatError for what the service refuses, and for the last failure when there were too many in a row.
 */
export async function* readPages(
  events: EventClient,
  request: DeepPartial<ListEventsRequest>,
  options: ReadOptions,
): AsyncGenerator<ListEventsResponse, void, undefined> {
  const { maxAttempts, maxFirstAttempts = maxAttempts } = options;
  const position = createPosition(request);
  let attempts = createAttempts({ ...options, maxAttempts: maxFirstAttempts });
  for (;;) {
    let thrown: unknown;
    try {
      for await (const page of callOnce(events, position, options)) {
        if (!position.started) attempts = createAttempts(options);
        attempts.succeeded();
        position.moveTo(page);
        yield page;
        if (position.finished) return;
      }
      thrown = streamCut();
    } catch (error) {
      rethrowAbortError(error);
      thrown = error;
    }
    const setback = attempts.failed(thrown);
    options.onSetback?.(setback);
    await delay(options.signal, setback.delayMs);
  }
}

async function* callOnce(
  events: EventClient,
  position: Position,
  { heartbeatMs = 15_000, signal }: ReadOptions,
): AsyncGenerator<ListEventsResponse, void, undefined> {
  const heartbeatInterval = { seconds: BigInt(Math.floor(heartbeatMs / 1000)), nanos: (heartbeatMs % 1000) * 1e6 };
  const gate = createReadGate(PAGES_AHEAD);
  const open = (call: AbortSignal) =>
    events.listEvents({ ...position.request(), heartbeatInterval }, { signal: call, gate });
  for await (const page of watchStream(open, MISSED_HEARTBEATS * heartbeatMs, signal)) {
    gate.taken();
    yield page;
  }
}

function streamCut(): LeatError {
  const options = { code: Status.UNAVAILABLE, reason: clientReasons.streamCut };
  return new LeatError('the stream ended before its end', options);
}

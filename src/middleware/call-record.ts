import { AbortError } from 'abort-controller-x';
import type { Status } from 'nice-grpc-common';
import type { Inbox } from './inbox.js';
import { createOutbox, type CountedOutbox } from './outbox.js';

/** What the transport knows of a call when it begins. */
export interface CallStart {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** `address:port`, or "unknown". */
  readonly peer: string;
  /** Either side sends more than one message. */
  readonly streaming: boolean;
  /** Set by the client, milliseconds since 1970; Infinity if there is none. */
  readonly deadlineMs: number;
}

/** The one place where transport and middleware keep what they know of a call, from its first header to its end. */
export interface CallRecord extends CallStart {
  /** From `performance.now()`. */
  readonly startedAt: number;
  /** Aborts when the client leaves and when the service ends the call. `cause` of its reason then tells why. */
  readonly signal: AbortSignal;
  readonly inbox: Inbox;
  readonly outbox: CountedOutbox;
  requestId: string;
  caller: string;
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** What went to the client; undefined as long as nothing did, and for ever if it left before. */
  status?: { readonly code: Status; readonly details: string };
  /** What the handler threw, if it was not meant for the client. For the log. */
  failure?: unknown;
  /** Ends the call from our side: `cause` is what the client is told. Without: the client is gone. */
  abort(cause?: Error): void;
}

export function createCallRecord(start: CallStart, inbox: Inbox): CallRecord {
  const controller = new AbortController();
  return {
    ...start,
    startedAt: performance.now(),
    signal: controller.signal,
    inbox,
    outbox: createOutbox(),
    requestId: '',
    caller: '',
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    abort: (cause) => {
      // Handlers tell an abort by the name of the error, whatever its cause.
      if (!controller.signal.aborted) controller.abort(Object.assign(new AbortError(), { cause }));
    },
  };
}

/** Why the service itself ended the call; undefined if it did not. */
export function abortCause(signal: AbortSignal): Error | undefined {
  const reason: unknown = signal.reason;
  return signal.aborted ? ((reason as { cause?: Error }).cause ?? undefined) : undefined;
}

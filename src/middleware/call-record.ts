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

/**
 * The one place where transport and middleware keep what they know of a call, from its first header to its end. What
 * most unary calls never need is made when it is asked for: a signal alone takes longer than the rest.
 */
export class CallRecord implements CallStart {
  readonly path: string;
  readonly peer: string;
  readonly streaming: boolean;
  readonly deadlineMs: number;
  /** From `performance.now()`. */
  readonly startedAt = performance.now();
  /** From then to the deadline, in milliseconds. */
  readonly timeoutMs: number;
  requestId = '';
  caller = '';
  messagesIn = 0;
  messagesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Of a DirectCall: given to the transport and not yet written to the socket. */
  waitingFrames = 0;
  /** With which the middleware finds it; empty if it does not have to. */
  key = '';
  /** Its handler runs. */
  isEntered = false;
  /** It is over on the wire. */
  isClosed = false;
  /** What went to the client; undefined as long as nothing did, and for ever if it left before. */
  status: { readonly code: Status; readonly details: string } | undefined = undefined;
  /** What the handler threw, if it was not meant for the client. For the log. */
  failure: unknown = undefined;
  /** Called once, when the call is aborted. */
  onAbort: ((reason: Error) => void) | undefined = undefined;
  /** Why it was aborted: an AbortError, whose `cause` is what the client is told, if it is not the client who left. */
  abortReason: AbortReason | undefined = undefined;
  private controller: AbortController | undefined = undefined;
  private ownInbox: Inbox | undefined = undefined;
  private ownOutbox: CountedOutbox | undefined = undefined;

  constructor(
    { path, peer, streaming, deadlineMs }: CallStart,
    private readonly createInbox: () => Inbox,
  ) {
    this.path = path;
    this.peer = peer;
    this.streaming = streaming;
    this.deadlineMs = deadlineMs;
    this.timeoutMs = deadlineMs - Date.now();
  }

  /** Aborts when the client leaves and when the service ends the call, with `abortReason`. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.abortReason) this.controller.abort(this.abortReason);
    }
    return this.controller.signal;
  }

  get inbox(): Inbox {
    return (this.ownInbox ??= this.createInbox());
  }

  get outbox(): CountedOutbox {
    return (this.ownOutbox ??= createOutbox());
  }

  /** Messages given to the transport and not yet written to the socket. */
  get waitingOut(): number {
    return this.waitingFrames + (this.ownOutbox?.size ?? 0);
  }

  /** Ends the call from our side: `cause` is what the client is told. Without: the client is gone. */
  abort(cause?: Error): void {
    if (this.abortReason) return;
    // Handlers tell an abort by the name of the error, whatever its cause.
    this.abortReason = Object.assign(new AbortError(), { cause });
    this.controller?.abort(this.abortReason);
    this.onAbort?.(this.abortReason);
  }

  /** Nothing of it is left. */
  close(): void {
    this.ownInbox?.close();
  }
}

type AbortReason = Error & { readonly cause?: Error | undefined };

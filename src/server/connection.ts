import { constants, type ServerHttp2Session } from 'node:http2';
import { createResetBudget } from './reset-budget.js';

/** Why a connection was closed; the `reason` of its log line and of `leat_connections_closed_total`. */
export type CloseReason =
  /** The client closed it. */
  | 'client'
  /** The client closed it and reported an error (GOAWAY with a code). */
  | 'client-error'
  /** The network or the client's process failed. */
  | 'lost'
  /** The client violated HTTP/2. */
  | 'protocol-error'
  /** The client reset more calls than HTTP/2 allows. */
  | 'too-many-resets'
  /** It did not answer a keepalive ping. */
  | 'keepalive'
  | 'idle'
  | 'max-age'
  /** It had no calls, and a new connection needed its place. */
  | 'evicted'
  /** It held most of the receive budget, which is used up. */
  | 'receive-budget'
  | 'shutdown';

/** Reasons for which the server closes a connection: what still runs on it ends with UNAVAILABLE. */
const byServer: ReadonlySet<CloseReason> = new Set([
  'protocol-error',
  'too-many-resets',
  'keepalive',
  'idle',
  'max-age',
  'evicted',
  'receive-budget',
  'shutdown',
]);

/** The largest stream id: a first GOAWAY with it refuses nothing yet (RFC 9113, section 6.8). */
const MAX_STREAM_ID = 2 ** 31 - 1;

/** One HTTP/2 connection and its calls. */
export class Connection {
  /** Without the port, which is another one for each connection of a client. */
  readonly address: string;
  /** Open HTTP/2 streams. */
  calls = 0;
  /** Those of them whose first message is not complete. */
  waitingCalls = 0;
  /** Since it has no calls, by `performance.now()`. */
  idleSince = performance.now();
  /** Set when the server decides to close it, or learns why it is closed. */
  reason: CloseReason | undefined = undefined;
  /** Called when it takes no new calls any more. */
  onRetired: (() => void) | undefined = undefined;
  private readonly resets = createResetBudget();
  private isCheckingResets = false;
  private lastStreamId = -1;

  constructor(readonly session: ServerHttp2Session) {
    this.address = session.socket.remoteAddress ?? 'unknown';
  }

  get isClosedByServer(): boolean {
    return this.reason !== undefined && byServer.has(this.reason);
  }

  /** Takes no new calls, and closes when those that run are over. */
  retire(reason: CloseReason): void {
    const { session } = this;
    if (session.destroyed) return;
    if (session.closed) return this.onRetired?.();
    this.reason ??= reason;
    session.goaway(constants.NGHTTP2_NO_ERROR, MAX_STREAM_ID, Buffer.from(reason));
    session.close();
    this.onRetired?.();
  }

  /** Closes it now, with everything on it; at the latest after a second, if its peer does not read (see boundClose). */
  end(reason: CloseReason, code: number = constants.NGHTTP2_NO_ERROR): void {
    this.reason ??= reason;
    if (this.session.destroyed) return;
    // Node takes a code alone for what it is, but its types do not know.
    this.session.destroy(code as never);
  }

  /**
   * The client has reset a call. Beyond its limit HTTP/2 stops reading the connection without a word, to us or to the
   * calls on it. A graceful GOAWAY in time ends the counting, and the client makes its new calls on a new connection.
   */
  countReset(): void {
    this.resets.spend();
    if (!this.resets.isLow || this.isCheckingResets || this.session.closed) return;
    this.isCheckingResets = true;
    // All resets that were read at once are counted by then.
    setImmediate(() => {
      if (this.resets.isSpent) this.end('too-many-resets', constants.NGHTTP2_ENHANCE_YOUR_CALM);
      else this.retire('too-many-resets');
    });
  }

  /** How many calls before this one HTTP/2 has reset by itself. Clients number their streams 1, 3, 5 … */
  skippedBefore(streamId: number): number {
    const skipped = Math.max((streamId - this.lastStreamId) / 2 - 1, 0);
    this.lastStreamId = Math.max(streamId, this.lastStreamId);
    return skipped;
  }
}

import type { Http2Session } from 'node:http2';
import type { WindowBudget } from './window-budget.js';
import { type WindowBounds, createWindowSize } from './window-size.js';

/** An HTTP/2 session of either side. */
export type FlowSession = Pick<Http2Session, 'ping' | 'settings' | 'setLocalWindowSize' | 'destroyed' | 'closed'> & {
  readonly socket: { readonly bytesRead: number };
  once(event: 'close', listener: () => void): unknown;
};

export interface WindowControl {
  /**
   * Keeps the session's receive windows right until it closes. Its own window is `minBytes` now, and that of its calls
   * `streamBytes` (default: the same).
   */
  add(session: FlowSession, streamBytes?: number): void;
  /**
   * A call came whose client may send for long, on a session that was added. Returns what says that it has sent all it
   * will, or is over; repeating that is harmless.
   */
  callBegan(session: object | undefined): () => void;
  /** Ends the control; windows stay as they are. Repeating it is harmless. */
  close(): void;
}

export interface WindowControlOptions extends WindowBounds {
  readonly budget: WindowBudget;
  /** Time between looks at all sessions, in milliseconds. Default: 100. */
  readonly intervalMs?: number;
}

/**
 * What the windows of all calls on a connection may come to together: HTTP/2 frees the connection's window when bytes
 * arrive, so that of each call is what holds a sender back while its handler waits.
 */
const MAX_SESSION_BYTES = 16 * 1024 * 1024;
/** And those of all calls of the process, up to 2,048 of them. */
const MAX_PROCESS_BYTES = 32 * 1024 * 1024;
/** A call has this much in any case: one frame. */
const MIN_STREAM_BYTES = 16 * 1024;

/** Windows grow again only when there is room for some more calls: a few that come and go change nothing. */
const HYSTERESIS = 1.25;

/**
 * SETTINGS frames of a session without an acknowledgement. Node closes a session at the eleventh; one more is its own,
 * from the beginning.
 */
const MAX_UNACKNOWLEDGED = 4;

/** A session is looked at closely (by a ping) only after it received this part of its window since the last look. */
const BUSY = 1 / 4;

interface Controlled {
  readonly session: FlowSession;
  readonly size: ReturnType<typeof createWindowSize>;
  seenBytes: number;
  isMeasuring: boolean;
  /** Calls whose clients may still send, and the window that each has. */
  streams: number;
  streamBytes: number;
  /** SETTINGS frames that the peer has not acknowledged. */
  unacknowledged: number;
}

/**
 * Raises the receive windows of busy sessions towards twice bandwidth × delay, within one budget, and lowers them again.
 * Windows are memory that a peer may fill while handlers wait, so nobody has a large one without using it, and many calls
 * on one connection share what it may hold.
 */
export function createWindowControl(options: WindowControlOptions): WindowControl {
  const { budget, minBytes, intervalMs = 100 } = options;
  const sessions = new Map<object, Controlled>();
  /** Of all sessions, and what each call may have for that. */
  let streams = 0;
  let processPart = Infinity;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    processPart = Math.max(processPart, partOf(MAX_PROCESS_BYTES, streams * HYSTERESIS));
    for (const one of sessions.values()) share(one);
    for (const one of sessions.values()) {
      // A session that sent or received GOAWAY is closed for pings, though its calls go on.
      if (one.isMeasuring || one.session.destroyed || one.session.closed) continue;
      const received = one.session.socket.bytesRead - one.seenBytes;
      one.seenBytes += received;
      if (received >= one.size.bytes * BUSY) measure(one);
      // Idle: as if a long round trip had brought nothing.
      else if (one.size.bytes > minBytes) apply(one, one.size.wanted({ bytes: received, roundTripMs: intervalMs }));
    }
  }

  function measure(one: Controlled): void {
    const { session, size } = one;
    const before = session.socket.bytesRead;
    const isSent = session.ping((error, roundTripMs) => {
      one.isMeasuring = false;
      if (error || session.destroyed || session.closed || !sessions.has(session)) return;
      const bytes = session.socket.bytesRead - before;
      one.seenBytes = before + bytes;
      const wanted = size.wanted({ bytes, roundTripMs: Math.max(roundTripMs, 0.01) });
      const isGrowing = wanted > size.bytes;
      // While it grows each round trip may double it: a new look at once, not at the next interval.
      if (apply(one, wanted) && isGrowing) measure(one);
    });
    one.isMeasuring = isSent;
  }

  /** True if the window changed. */
  function apply(one: Controlled, wanted: number): boolean {
    const { session, size } = one;
    const change = wanted - size.bytes;
    if (change === 0 || session.destroyed || session.closed) return false;
    const granted = change > 0 ? budget.take(change) : change;
    if (granted < 0) budget.give(-granted);
    if (granted === 0) return false;
    size.settle(size.bytes + granted);
    session.setLocalWindowSize(size.bytes);
    share(one);
    return true;
  }

  /** Gives each call its part. */
  function share(one: Controlled): void {
    const { session, size } = one;
    const part = Math.min(partOf(MAX_SESSION_BYTES, one.streams), processPart);
    const streamBytes = Math.min(Math.max(part, MIN_STREAM_BYTES), size.bytes);
    if (streamBytes === one.streamBytes || session.destroyed || session.closed) return;
    // The next look tries again.
    if (one.unacknowledged >= MAX_UNACKNOWLEDGED) return;
    one.streamBytes = streamBytes;
    one.unacknowledged++;
    session.settings({ initialWindowSize: streamBytes }, () => one.unacknowledged--);
  }

  /** Windows become smaller at once, and larger again at the next look: calls may come and go around a power of two. */
  function count(one: Controlled, change: 1 | -1): void {
    one.streams += change;
    streams += change;
    if (change < 0) return;
    const part = partOf(MAX_PROCESS_BYTES, streams);
    if (part >= processPart) return share(one);
    processPart = part;
    for (const each of sessions.values()) share(each);
  }

  function remove(one: Controlled): void {
    if (!sessions.delete(one.session)) return;
    budget.give(one.size.bytes - minBytes);
    if (sessions.size === 0) stop();
  }

  function stop(): void {
    clearInterval(timer);
    timer = undefined;
  }

  return {
    add(session, streamBytes = options.minBytes) {
      const size = createWindowSize(options);
      const one = { session, size, seenBytes: 0, isMeasuring: false, streams: 0, streamBytes, unacknowledged: 0 };
      sessions.set(session, one);
      share(one);
      session.once('close', () => remove(one));
      timer ??= setInterval(look, intervalMs).unref();
    },
    callBegan(session) {
      const one = session && sessions.get(session);
      if (one === undefined) return () => undefined;
      let isSending = true;
      count(one, 1);
      return () => {
        if (isSending) count(one, -1);
        isSending = false;
      };
    },
    close() {
      for (const one of [...sessions.values()]) remove(one);
      stop();
    },
  };
}

/** What each of so many may have: a power of two, so that it seldom changes. */
function partOf(bytes: number, count: number): number {
  return 2 ** Math.floor(Math.log2(bytes / Math.max(count, 1)));
}

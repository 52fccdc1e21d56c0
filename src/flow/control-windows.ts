import type { Http2Session } from 'node:http2';
import type { WindowBudget } from './window-budget.js';
import { type WindowBounds, createWindowSize } from './window-size.js';

/** An HTTP/2 session of either side. */
export type FlowSession = Pick<Http2Session, 'ping' | 'settings' | 'setLocalWindowSize' | 'destroyed' | 'closed'> & {
  readonly socket: { readonly bytesRead: number };
  once(event: 'close', listener: () => void): unknown;
};

export interface WindowControl {
  /** Keeps the session's receive windows right until it closes. Its windows are `minBytes` now. */
  add(session: FlowSession): void;
  /** Ends the control; windows stay as they are. Repeating it is harmless. */
  close(): void;
}

export interface WindowControlOptions extends WindowBounds {
  readonly budget: WindowBudget;
  /** Time between looks at all sessions, in milliseconds. Default: 100. */
  readonly intervalMs?: number;
}

/** A session is looked at closely (by a ping) only after it received this part of its window since the last look. */
const BUSY = 1 / 4;

interface Controlled {
  readonly session: FlowSession;
  readonly size: ReturnType<typeof createWindowSize>;
  seenBytes: number;
  isMeasuring: boolean;
}

/**
 * Raises the receive windows of busy sessions towards twice bandwidth × delay, within one budget, and lowers them again.
 * Windows are memory that a peer may fill while handlers wait, so nobody has a large one without using it.
 */
export function createWindowControl(options: WindowControlOptions): WindowControl {
  const { budget, minBytes, intervalMs = 100 } = options;
  const sessions = new Set<Controlled>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    for (const one of sessions) {
      if (one.isMeasuring || one.session.destroyed) continue;
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
      if (error || session.destroyed || !sessions.has(one)) return;
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
    session.settings({ initialWindowSize: size.bytes });
    return true;
  }

  function remove(one: Controlled): void {
    if (!sessions.delete(one)) return;
    budget.give(one.size.bytes - minBytes);
    if (sessions.size === 0) stop();
  }

  function stop(): void {
    clearInterval(timer);
    timer = undefined;
  }

  return {
    add(session) {
      const one = { session, size: createWindowSize(options), seenBytes: 0, isMeasuring: false };
      sessions.add(one);
      session.once('close', () => remove(one));
      timer ??= setInterval(look, intervalMs).unref();
    },
    close() {
      for (const one of [...sessions]) remove(one);
      stop();
    },
  };
}

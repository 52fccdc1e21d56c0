import type { Http2Session } from 'node:http2';

/** Bounds what all connections of a process may have sent to calls that do not read at the moment. */
export interface ReceiveBudget {
  /** So many bytes more (or fewer) are held for the calls of a connection. */
  charge(session: Http2Session, bytes: number): void;
  readonly chargedBytes: number;
}

export interface ReceiveLimits {
  /** Beyond it the connection that holds most is closed. */
  readonly maxBytes: number;
  /** Closes a connection, which holds so much. */
  close: (session: Http2Session, bytes: number) => void;
}

/**
 * Flow control keeps well-behaved clients far below the limit. One that does not acknowledge smaller windows, or opens
 * calls without end, is not: HTTP/2 has no other way to stop it than to close its connection.
 */
export function createReceiveBudget({ maxBytes, close }: ReceiveLimits): ReceiveBudget {
  const bySession = new Map<Http2Session, number>();
  const closing = new WeakSet<Http2Session>();
  let total = 0;

  function closeLargest(): void {
    const [session, bytes] = [...bySession].reduce((a, b) => (b[1] > a[1] ? b : a));
    closing.add(session);
    bySession.delete(session);
    total -= bytes;
    // Not from within the session's own callback.
    setImmediate(() => {
      if (!session.destroyed) close(session, bytes);
    });
  }

  return {
    get chargedBytes() {
      return total;
    },
    charge(session, bytes) {
      if (closing.has(session)) return;
      const held = (bySession.get(session) ?? 0) + bytes;
      if (held === 0) bySession.delete(session);
      else bySession.set(session, held);
      total += bytes;
      if (bytes > 0 && total > maxBytes) closeLargest();
    },
  };
}

import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { boundClose } from '../flow/bounded-close.js';
import { isResetByServer } from './base-call.js';
import { Connection, type CloseReason } from './connection.js';
import { limitLifetime, type LifetimeLimits } from './connection-lifetime.js';

export interface ConnectionsLimits extends LifetimeLimits {
  /** Open at a time. */
  readonly maxConnections: number;
}

/** Is informed of what happens to connections. */
export interface ConnectionObserver {
  opened(): void;
  closed(connection: Connection, reason: CloseReason, detail: string): void;
  /** A connection was closed at once, because there are as many as allowed. */
  refused(address: string): void;
  /** Accepting a connection failed. */
  acceptFailed(error: Error): void;
  /** HTTP/2 has reset calls by itself, before the service saw them. */
  dropped(connection: Connection, calls: number): void;
}

/** All connections of one server. */
export interface Connections {
  add(session: ServerHttp2Session): Connection;
  of(session: object | undefined): Connection | undefined;
  /** A call begins on it. */
  callBegan(connection: Connection, stream: ServerHttp2Stream): void;
  /** Its stream is closed. */
  callEnded(connection: Connection, stream: ServerHttp2Stream): void;
  /** The server stops: connections that end from now on end for that reason. */
  shutDown(): void;
}

/** From this part of the maximum on, a new connection takes the place of an idle one. */
const FULL = 0.9;
/** A connection may be without calls for so long before it has to make room. */
const EVICTABLE_AFTER_MS = 1_000;

export function createConnections(limits: ConnectionsLimits, observer: ConnectionObserver): Connections {
  const bySession = new Map<object, Connection>();
  /** Without calls, longest idle first. */
  const idle = new Set<Connection>();

  function evictOne(): void {
    for (const oldest of idle) {
      if (performance.now() - oldest.idleSince < EVICTABLE_AFTER_MS) return;
      // One that is destroyed may still be open, until its peer has read: it makes no room a second time.
      idle.delete(oldest);
      if (oldest.session.destroyed) continue;
      return oldest.end('evicted');
    }
  }

  function closed(connection: Connection, detail: string): void {
    bySession.delete(connection.session);
    idle.delete(connection);
    observer.closed(connection, connection.reason ?? 'client', detail);
  }

  return {
    of: (session) => session && bySession.get(session),

    add(session) {
      const connection = new Connection(session);
      if (bySession.size >= limits.maxConnections * FULL) evictOne();
      bySession.set(session, connection);
      idle.add(connection);
      observer.opened();
      boundClose(session);
      observeEnd(connection, closed);
      limitLifetime(connection, limits);
      return connection;
    },

    callBegan(connection, stream) {
      connection.calls++;
      idle.delete(connection);
      const skipped = connection.skippedBefore(Number(stream.id));
      if (skipped > 0) observer.dropped(connection, skipped);
    },

    callEnded(connection, stream) {
      connection.calls--;
      if (connection.calls === 0 && !connection.session.destroyed) {
        connection.idleSince = performance.now();
        idle.add(connection);
      }
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && !isResetByServer(stream)) connection.countReset();
    },

    shutDown() {
      for (const connection of bySession.values()) connection.reason ??= 'shutdown';
    },
  };
}

/** Finds out why the connection ends, as far as the server did not decide it. */
function observeEnd(connection: Connection, closed: (connection: Connection, detail: string) => void): void {
  const { session } = connection;
  let detail = '';
  session.on('error', (error: Error & { readonly code?: string }) => {
    detail ||= error.message;
    connection.reason ??= error.code?.startsWith('ERR_HTTP2') ? 'protocol-error' : 'lost';
  });
  session.on('goaway', (code: number) => {
    if (code === constants.NGHTTP2_NO_ERROR) return;
    detail ||= `the client sent GOAWAY with code ${code}`;
    connection.reason ??= 'client-error';
  });
  session.once('close', () => closed(connection, detail));
}

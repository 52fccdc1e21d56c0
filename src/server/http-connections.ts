import type { Socket } from 'node:net';
import { RequestGate, type Stage } from './request-gate.js';

/** Why a connection was closed before its time. */
export type CloseReason = 'full' | 'slow request' | 'slow reader' | 'no request';

export interface HttpConnections {
  readonly size: number;
  /** Takes a connection. If there are too many, the least useful one is closed for it. */
  add(socket: Socket): RequestGate;
  /** Closes those that have no request. */
  closeIdle(): void;
  closeAll(): void;
}

export interface HttpConnectionsOptions {
  readonly maxConnections: number;
  /** How long a client may take to send a request, and to read the response, in milliseconds. */
  readonly timeoutMs: number;
  readonly onClosed: (reason: CloseReason) => void;
}

/** The least useful come first: whoever is being answered stays longest. */
const RANKS: Readonly<Record<Stage, number>> = { closing: 0, new: 1, idle: 2, busy: 3 };

export function createHttpConnections(options: HttpConnectionsOptions): HttpConnections {
  const { maxConnections, timeoutMs, onClosed } = options;
  const open = new Set<RequestGate>();

  function makeRoom(): void {
    while (open.size >= maxConnections) {
      const least = [...open].reduce((a, b) => (isLess(b, a) ? b : a));
      open.delete(least);
      if (least.stage !== 'closing') onClosed('full');
      least.abort();
    }
  }

  return {
    get size() {
      return open.size;
    },
    add(socket) {
      makeRoom();
      const gate = new RequestGate(socket, {
        stageMs: timeoutMs,
        // A client that keeps its connection for later did nothing wrong.
        onTimeout: (stage) => stage !== 'idle' && onClosed(stage === 'busy' ? 'slow reader' : 'slow request'),
        onRefused: () => onClosed('no request'),
      });
      open.add(gate);
      socket.once('close', () => open.delete(gate));
      return gate;
    },
    closeIdle() {
      for (const gate of open) if (gate.stage !== 'busy') gate.abort();
    },
    closeAll() {
      for (const gate of open) gate.abort();
    },
  };
}

/** Of two that are in the same stage the older one is less useful. */
function isLess(a: RequestGate, b: RequestGate): boolean {
  return RANKS[a.stage] - RANKS[b.stage] < 0 || (a.stage === b.stage && a.since < b.since);
}

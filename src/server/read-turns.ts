import type { Http2Session } from 'node:http2';

/** Frames of one connection in one turn of the event loop, after which others come first. */
const MAX_FRAMES = 1_024;
/** After so many milliseconds, and then twice as many each time, it is looked whether a write is still in progress. */
const FIRST_LOOK_MS = 10;
const LAST_LOOK_MS = 160;

/** The header fields of a call, and what the call costs from there on, count as so many frames. */
const CALL_FRAMES = 8;
/** Calls that a connection may begin in one turn of the event loop before they take turns with those of others. */
const MAX_CALLS = 32;

/** Of one connection. */
export interface ReadTurn {
  /** A DATA frame came. */
  received(): void;
  /** A call came; false if the connection began many in this turn. */
  opened(): boolean;
}

/**
 * Lets connections take turns when they send very many frames, or begin very many calls. Node reads up to 2 MiB of a
 * connection at once, and 200,000 frames of one byte in them keep everybody else waiting for a second. A connection that has sent many frames is
 * not read from until its turn comes, one such connection in each turn of the event loop: it gets the time that others
 * leave. Frames of the usual size are never so many.
 */
export interface ReadTurns {
  of(session: Http2Session): ReadTurn;
}

/** What node:http2 has no name for: `session.socket.pause()` throws, and pausing the socket itself does nothing. */
interface SocketHandle {
  /** Bytes of a write in progress. */
  readonly writeQueueSize: number;
  readStop(): unknown;
  readStart(): unknown;
}

export function createReadTurns(maxFrames = MAX_FRAMES): ReadTurns {
  const bySession = new WeakMap<Http2Session, ReadTurn>();
  const stopped: Http2Session[] = [];
  let turn = 0;
  let isTurnRunning = false;

  function endTurn(): void {
    turn++;
    const next = stopped.shift();
    if (next) start(next, FIRST_LOOK_MS);
    isTurnRunning = stopped.length > 0;
    if (isTurnRunning) setImmediate(endTurn);
  }

  /**
   * node:http2 does not read while it writes, and reads again when it has written. Reading that begins in between is
   * never stopped: all that a peer sends would be kept, unparsed, for as long as it does not read.
   */
  function start(session: Http2Session, lookMs: number): void {
    const handle = handleOf(session);
    if (handle === undefined) return;
    if (handle.writeQueueSize === 0) handle.readStart();
    else setTimeout(() => start(session, Math.min(2 * lookMs, LAST_LOOK_MS)), lookMs).unref();
  }

  function stop(session: Http2Session): void {
    const handle = handleOf(session);
    if (handle === undefined) return;
    handle.readStop();
    stopped.push(session);
  }

  function create(session: Http2Session): ReadTurn {
    let frames = 0;
    let lastTurn = -1;
    function count(more: number): void {
      if (!isTurnRunning) setImmediate(endTurn);
      isTurnRunning = true;
      if (lastTurn !== turn) frames = 0;
      lastTurn = turn;
      if (frames < maxFrames && frames + more >= maxFrames) stop(session);
      frames += more;
    }

    return {
      received: () => count(1),
      opened() {
        count(CALL_FRAMES);
        return frames <= MAX_CALLS * CALL_FRAMES;
      },
    };
  }

  return {
    of(session) {
      const known = bySession.get(session) ?? create(session);
      bySession.set(session, known);
      return known;
    },
  };
}

/** undefined once the connection is closed. */
function handleOf(session: Http2Session): SocketHandle | undefined {
  if (session.destroyed) return undefined;
  return (session.socket as unknown as { readonly _handle?: SocketHandle | null })._handle ?? undefined;
}

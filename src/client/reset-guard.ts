import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';

/**
 * HTTP/2 servers close a connection with too many stream resets, with all calls on it: nghttp2, in Node and others, after
 * a burst of 1,000 and from then on 33 a second. A call that is left before its end is a reset. Counted in resets:
 */
const RETIRE_AT = 500;
/** Leaves room for resets that nobody counts, such as those of Node itself. */
const HOLD_AT = 900;
const FORGOTTEN_PER_SECOND = 20;
/** Connections besides the newest one; each is there for as long as a call on it that began before. */
const MAX_RETIRED = 8;
const RELEASE_INTERVAL_MS = 250;

export interface ResetGuard {
  /** Counts the resets of a session until it closes. */
  add(session: ClientHttp2Session): void;
}

/**
 * Keeps each connection of a client below the server's limit of resets. A connection that has sent many is retired: new
 * calls go to a fresh one, and it closes after its last call. While `MAX_RETIRED` connections are kept by their calls,
 * resets are delayed instead. A caller never waits for any of this.
 */
export function createResetGuard(): ResetGuard {
  const retired = new Set<object>();
  return {
    add(session) {
      const guarded = guardSession(session, () => {
        if (retired.size >= MAX_RETIRED) return false;
        retired.add(session);
        return true;
      });
      session.once('close', () => {
        retired.delete(session);
        guarded.end();
      });
    },
  };
}

function guardSession(session: ClientHttp2Session, mayRetire: () => boolean) {
  /** Streams without an end so far. */
  const open = new Set<ClientHttp2Stream>();
  /** Resets that are delayed, in their order. */
  const held = new Map<ClientHttp2Stream, () => void>();
  const count = createDecayingCount(FORGOTTEN_PER_SECOND);
  let isRetired = false;
  let timer: NodeJS.Timeout | undefined;

  const request = session.request.bind(session);
  session.request = (...args) => {
    const stream = request(...args);
    open.add(stream);
    stream.once('close', () => {
      open.delete(stream);
      held.delete(stream);
      endIfUnused();
    });
    const close = stream.close.bind(stream);
    // grpc-js calls it for streams that the server has not ended, and no others.
    stream.close = (...closeArgs) => reset(stream, () => close(...closeArgs));
    return stream;
  };

  const closeSession = session.close.bind(session);
  session.close = (callback) => {
    // A GOAWAY now would let a server's keepalive end the calls that still run (see keepAfterGoaway).
    if (!isRetired || open.size === 0) closeSession(callback);
  };

  function reset(stream: ClientHttp2Stream, send: () => void): void {
    if (stream.closed || stream.destroyed) return send();
    if (held.size > 0 || count.value >= HOLD_AT) return hold(stream, send);
    count.add();
    send();
    if (!isRetired && count.value >= RETIRE_AT) retire();
  }

  /** grpc-js forgets a session with a GOAWAY and connects again for the next call; calls on the session go on. */
  function retire(): void {
    if (session.closed || session.destroyed || !mayRetire()) return;
    isRetired = true;
    session.emit('goaway', 0, 0);
  }

  function hold(stream: ClientHttp2Stream, send: () => void): void {
    held.set(stream, send);
    // Nobody reads it: flow control keeps the server from sending much more.
    stream.pause();
    timer ??= setInterval(release, RELEASE_INTERVAL_MS).unref();
    endIfUnused();
  }

  function release(): void {
    for (const [stream, send] of held) {
      if (stream.closed) drop(stream);
      else if (count.value < HOLD_AT) sendHeld(stream, send);
    }
    if (held.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  /**
   * The server has ended the stream meanwhile, so no reset can be sent. Node waits for `end` before it destroys such a
   * stream, and a paused stream that holds data never emits it.
   */
  function drop(stream: ClientHttp2Stream): void {
    held.delete(stream);
    stream.destroy();
  }

  function sendHeld(stream: ClientHttp2Stream, send: () => void): void {
    held.delete(stream);
    count.add();
    send();
    // For a reset with NO_ERROR Node waits for `end` too; grpc-js ignores data that arrives after a call's status.
    stream.resume();
  }

  /** A session that takes no new calls and has only streams that were left needs no resets. */
  function endIfUnused(): void {
    if (!isRetired && !session.closed) return;
    if (open.size > held.size || session.destroyed) return;
    if (open.size === 0) closeSession();
    else session.destroy();
  }

  return { end: () => clearInterval(timer) };
}

/** Counts, and forgets so many a second. */
function createDecayingCount(perSecond: number) {
  let value = 0;
  let at = performance.now();
  function decay(): void {
    const now = performance.now();
    value = Math.max(0, value - ((now - at) / 1000) * perSecond);
    at = now;
  }
  return {
    get value() {
      decay();
      return value;
    },
    add() {
      decay();
      value++;
    },
  };
}

/** What such calls may take of one turn of the event loop, in milliseconds, before others are served. */
const TURN_MS = 10;
/** Beyond it calls are not made to wait: while they are handled, nothing further is read from their connections. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;

export interface CallTurns {
  /**
   * Calls `start` when it is the call's turn, soon and never at once. `bytes`: the size of its request. Returns a
   * function for a call that is over before; repeating it is harmless.
   */
  enter(connection: object, bytes: number, start: () => void): () => void;
  /** `mayStart` is true again for the connection. */
  resume(connection: object): void;
}

interface Waiting {
  readonly bytes: number;
  readonly start: () => void;
}

/**
 * Lets calls take turns, connections one after the other. Much is done for a call, or by its handler, without a wait in
 * between: hundreds of calls that came together would run to that point before anything else is read or written.
 * @param mayStart false: the calls of the connection wait until `resume`
 */
export function createCallTurns(mayStart: (connection: object) => boolean = () => true): CallTurns {
  /** The first connection is next. */
  const lines = new Map<object, Set<Waiting>>();
  const held = new Map<object, Set<Waiting>>();
  let waitingBytes = 0;
  let isRunning = false;
  let turnStartedAt = 0;

  function schedule(): void {
    if (!isRunning) setImmediate(beginTurn);
    isRunning = true;
  }

  function beginTurn(): void {
    turnStartedAt = performance.now();
    runNext();
  }

  function runNext(): void {
    const next = takeNext();
    if (next === undefined) {
      isRunning = false;
      return;
    }
    // A tick that a microtask asks for comes after all microtasks, those of the handler included.
    queueMicrotask(() => process.nextTick(runOn));
    next.start();
  }

  function runOn(): void {
    if (performance.now() - turnStartedAt < TURN_MS) runNext();
    else setImmediate(beginTurn);
  }

  function takeNext(): Waiting | undefined {
    for (const [connection, line] of lines) {
      lines.delete(connection);
      if (!mayStart(connection)) {
        held.set(connection, line);
        continue;
      }
      const [next] = line;
      if (next === undefined) continue;
      line.delete(next);
      waitingBytes -= next.bytes;
      if (line.size > 0) lines.set(connection, line);
      return next;
    }
    return undefined;
  }

  function lineOf(connection: object): Set<Waiting> {
    const known = held.get(connection) ?? lines.get(connection);
    if (known) return known;
    const line = new Set<Waiting>();
    lines.set(connection, line);
    schedule();
    return line;
  }

  function leave(connection: object, line: Set<Waiting>, waiting: Waiting): void {
    if (!line.delete(waiting)) return;
    waitingBytes -= waiting.bytes;
    if (line.size > 0) return;
    lines.delete(connection);
    held.delete(connection);
  }

  return {
    enter(connection, bytes, start) {
      if (waitingBytes + bytes > MAX_WAITING_BYTES) {
        start();
        return () => undefined;
      }
      const line = lineOf(connection);
      const waiting = { bytes, start };
      line.add(waiting);
      waitingBytes += bytes;
      return () => leave(connection, line, waiting);
    },

    resume(connection) {
      const line = held.get(connection);
      if (line === undefined) return;
      held.delete(connection);
      lines.set(connection, line);
      schedule();
    },
  };
}

import type { Connection } from './connection.js';

export interface CallLimits {
  /** Calls at a time, in the process. */
  readonly maxCalls: number;
  /** Those of them whose first message is not complete. */
  readonly maxWaitingCalls: number;
}

/** A call that takes one of the places. */
export interface AdmittedCall {
  readonly connection: Connection;
  /** Ends the call because others need its place. Set when there is something to end. */
  evict: (() => void) | undefined;
  /** Its first message is complete. Repeating it is harmless. */
  messageCame(): void;
  /** Its stream is closed. Repeating it is harmless. */
  over(): void;
}

export interface CallGate {
  /** Calls that have a place. */
  readonly size: number;
  readonly waiting: number;
  /** Takes a place; undefined if there is none for this call. */
  admit(connection: Connection, kind: CallKind): AdmittedCall | undefined;
}

/** A health check is always admitted; streams leave room for calls with one answer, which are over soon. */
export type CallKind = 'health' | 'unary' | 'stream';

/** The part of all places that streams may take. */
const STREAM_PART = 0.9;
/** A connection with fewer calls is refused none as long as there are places at all. */
const LEAST_SHARE = 8;

/**
 * Bounds the calls of the process. No connection can take all places: each may have as many calls as there are places
 * left, so that one takes half of them, two a third each, and so on. (Dynamic thresholds: Choudhury and Hahne, 1998.)
 *
 * The same holds for calls that still wait for their first message, with one difference: a client sends it together with
 * the header, as a rule, so the call that waited longest gives way when all those places are taken.
 */
export function createCallGate(
  { maxCalls, maxWaitingCalls }: CallLimits,
  onEvicted: (connection: Connection) => void,
): CallGate {
  const waiting = new Set<AdmittedCall>();
  let size = 0;

  function isFull({ calls, waitingCalls }: Connection, kind: CallKind): boolean {
    const places = kind === 'stream' ? maxCalls * STREAM_PART : maxCalls;
    const left = places - size;
    if (kind !== 'health' && (left <= 0 || calls >= Math.max(left, LEAST_SHARE))) return true;
    const waitingLeft = maxWaitingCalls - waiting.size;
    return waitingLeft > 0 && waitingCalls >= Math.max(waitingLeft, LEAST_SHARE);
  }

  function evictLongestWaiting(): void {
    const [longest] = waiting;
    if (longest === undefined) return;
    longest.messageCame();
    longest.evict?.();
    onEvicted(longest.connection);
  }

  return {
    get size() {
      return size;
    },
    get waiting() {
      return waiting.size;
    },
    admit(connection, kind) {
      if (isFull(connection, kind)) return undefined;
      if (waiting.size >= maxWaitingCalls) evictLongestWaiting();
      let isOver = false;
      const call: AdmittedCall = {
        connection,
        evict: undefined,
        messageCame() {
          if (waiting.delete(call)) connection.waitingCalls--;
        },
        over() {
          if (isOver) return;
          isOver = true;
          size--;
          call.messageCame();
        },
      };
      size++;
      connection.waitingCalls++;
      waiting.add(call);
      return call;
    },
  };
}

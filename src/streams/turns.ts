import { execute } from 'abort-controller-x';

/** Resolves when it is the caller's turn. Rejects with AbortError when `signal` aborts; leaves nothing behind. */
export type TakeTurn = (signal: AbortSignal) => Promise<void>;

/** What readers may take of one turn of the event loop, in milliseconds, before others are to be served. */
const LONG_TURN_MS = 10;
const SHORT_TURN_MS = 5;

/**
 * Lets many loops that could go on without waiting take turns, in the order in which they ask. With `setImmediate` alone
 * all of them would go on in the same turn of the event loop, however many they are, and other calls wait that long.
 * So many go on in one turn as take 5 to 10 ms of it, at least one: the number follows how long the last turn took.
 * @param now milliseconds from anywhere; default: `performance.now`
 */
export function createTurns(now: () => number = () => performance.now()): TakeTurn {
  const waiting = new Set<() => void>();
  let atATime = 1;
  let immediate: NodeJS.Immediate | undefined;
  let last: { readonly startedAt: number; readonly isFull: boolean } | undefined;

  function adapt(): void {
    if (!last) return;
    const ms = now() - last.startedAt;
    if (ms > LONG_TURN_MS) atATime = Math.max(1, Math.floor(atATime / 2));
    // A turn that few asked for says nothing about more of them.
    else if (ms < SHORT_TURN_MS && last.isFull) atATime *= 2;
    last = undefined;
  }

  function begin(): void {
    immediate = undefined;
    adapt();
    if (waiting.size === 0) return;
    const going = firstOf(waiting, atATime);
    last = { startedAt: now(), isFull: going.length === atATime };
    for (const go of going) {
      waiting.delete(go);
      go();
    }
    // Even if nobody waits: it tells how long this turn took.
    schedule();
  }

  function schedule(): void {
    immediate ??= setImmediate(begin);
  }

  return (signal) =>
    execute<void>(signal, (resolve) => {
      waiting.add(resolve);
      schedule();
      return () => {
        waiting.delete(resolve);
        if (waiting.size > 0) return;
        clearImmediate(immediate);
        immediate = last = undefined;
      };
    });
}

function firstOf<T>(items: Iterable<T>, count: number): T[] {
  const first: T[] = [];
  for (const item of items) {
    if (first.length === count) break;
    first.push(item);
  }
  return first;
}

import { execute } from 'abort-controller-x';
import { yieldToEventLoop } from './pacing.js';
import { timerMs } from './timers.js';

/**
 * Remembers that a hint came while its owner was busy. Call `arm`, then read, then `wait`: what is written after the
 * read ends the wait, whether the hint came before the wait or during it.
 */
export interface Wake {
  readonly closed: boolean;
  /** Forgets earlier hints; what they told of is seen by the read that follows. The first call subscribes. */
  arm(): void;
  /**
   * Resolves after a hint since `arm`, after `timeoutMs` milliseconds, or when closed; never in the same turn of the
   * event loop. Rejects with AbortError when `signal` aborts. One wait at a time.
   */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Ends the subscription and a wait that is under way. Repeating it is harmless. */
  close(): void;
}

/** `onWake` subscribes to hints that there may be more to read, and returns the function that ends it. */
export function createWake(onWake: (callback: () => void) => () => void): Wake {
  let woken = false;
  let closed = false;
  let endWait: (() => void) | undefined;
  let unsubscribe: (() => void) | undefined;

  function ring(): void {
    woken = true;
    endWait?.();
  }

  return {
    get closed() {
      return closed;
    },
    arm() {
      if (closed) return;
      unsubscribe ??= onWake(ring);
      woken = false;
    },
    async wait(timeoutMs, signal) {
      if (woken || closed) return yieldToEventLoop(signal);
      let timer: NodeJS.Timeout | undefined;
      try {
        await execute<void>(signal, (resolve) => {
          timer = setTimeout(resolve, timerMs(timeoutMs));
          endWait = resolve;
          return () => undefined;
        });
      } finally {
        clearTimeout(timer);
        endWait = undefined;
      }
    },
    close() {
      closed = true;
      unsubscribe?.();
      unsubscribe = undefined;
      endWait?.();
    },
  };
}

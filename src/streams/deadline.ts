import { AbortError } from 'abort-controller-x';
import { timerMs } from './timers.js';

export interface Deadline {
  /** Aborts when the parent does, with its reason, or when the time has come, with an AbortError. */
  readonly signal: AbortSignal;
  /** True if it was the time that aborted the signal. */
  readonly expired: boolean;
  /** Ends timer and listener; the signal does not abort any more. Repeating it is harmless. */
  dispose(): void;
}

/**
 * Derives a signal that also aborts at a time. Whoever makes it disposes of it: unlike `AbortSignal.any` and
 * `AbortSignal.timeout` it then leaves nothing with a parent that lives on.
 * @param timeMs milliseconds since 1970; Infinity: never; in the past: aborted at once
 */
export function withDeadline(parent: AbortSignal, timeMs: number): Deadline {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let expired = false;

  function dispose(): void {
    clearTimeout(timer);
    parent.removeEventListener('abort', onParentAbort);
  }
  function abort(reason: unknown): void {
    dispose();
    controller.abort(reason);
  }
  function onParentAbort(): void {
    abort(parent.reason);
  }
  function watch(): void {
    const remainingMs = timeMs - Date.now();
    if (remainingMs > 0) {
      timer = setTimeout(watch, timerMs(remainingMs));
    } else {
      expired = true;
      abort(new AbortError('The deadline has passed'));
    }
  }

  if (parent.aborted) {
    onParentAbort();
  } else {
    parent.addEventListener('abort', onParentAbort);
    if (timeMs !== Infinity) watch();
  }
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    dispose,
  };
}

/** A controller that aborts with any of the signals, until `unlink` is called. */
export interface LinkedController {
  readonly signal: AbortSignal;
  readonly abort: () => void;
  /** Leaves no listener on the signals. */
  unlink(): void;
}

/** In place of AbortSignal.any, which keeps what hangs on a long-lived signal alive. */
export function linkSignals(...signals: readonly (AbortSignal | undefined)[]): LinkedController {
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const signal of signals) {
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
  }
  return {
    signal: controller.signal,
    abort,
    unlink: () => signals.forEach((signal) => signal?.removeEventListener('abort', abort)),
  };
}

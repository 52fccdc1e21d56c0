/** A controller that aborts with any of the signals, until `unlink` is called. */
export interface LinkedController {
  readonly signal: AbortSignal;
  readonly abort: () => void;
  /** Leaves nothing on the signals. */
  unlink(): void;
}

/** In place of AbortSignal.any, which keeps everything that depends on a long-lived signal alive. */
export function linkSignals(...signals: readonly (AbortSignal | undefined)[]): LinkedController {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const removals = signals.map((signal) => onAbort(signal, abort));
  return { signal: controller.signal, abort, unlink: () => removals.forEach((remove) => remove()) };
}

interface Entry {
  readonly callback: () => void;
}

/** A signal's callbacks, and the listener that calls them; an entry exists while there are any. */
const callbacksOf = new WeakMap<AbortSignal, { readonly callbacks: Set<Entry>; readonly listener: () => void }>();

/**
 * Calls `callback` when `signal` aborts, at once if it has; returns the function that removes it. Any number of callbacks
 * share one listener, so that many calls with one signal cause no MaxListenersExceededWarning.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => undefined;
  if (signal.aborted) {
    callback();
    return () => undefined;
  }
  // An object of its own: the same function may be added twice.
  const entry = { callback };
  const { callbacks } = callbacksOf.get(signal) ?? listenTo(signal);
  callbacks.add(entry);
  return () => {
    callbacks.delete(entry);
    const known = callbacksOf.get(signal);
    if (known?.callbacks !== callbacks || callbacks.size > 0) return;
    callbacksOf.delete(signal);
    signal.removeEventListener('abort', known.listener);
  };
}

function listenTo(signal: AbortSignal) {
  const callbacks = new Set<Entry>();
  const listener = () => [...callbacks].forEach(({ callback }) => callback());
  const known = { callbacks, listener };
  callbacksOf.set(signal, known);
  signal.addEventListener('abort', listener, { once: true });
  return known;
}

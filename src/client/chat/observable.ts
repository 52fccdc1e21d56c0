import { execute } from 'abort-controller-x';
import { linkSignals } from '../link-signals.js';

/** Something that changes, and whom that is told. */
export interface Observable {
  /** Calls `listener` after changes, once for all that came together; returns how to stop that. */
  subscribe(listener: () => void): () => void;
  changed(): void;
}

export function createObservable(): Observable {
  const listeners = new Set<() => void>();
  let isTelling = false;
  return {
    subscribe(listener) {
      // The same function may be subscribed twice.
      const own = () => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    changed() {
      if (isTelling) return;
      isTelling = true;
      queueMicrotask(() => {
        isTelling = false;
        for (const listener of [...listeners]) listener();
      });
    },
  };
}

/** Resolves when the condition holds, which is looked at now and after changes; rejects when `signal` aborts. */
export function becomes(
  observable: Pick<Observable, 'subscribe'>,
  condition: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  return execute<void>(signal, (resolve) => {
    const check = () => {
      if (!condition()) return;
      unsubscribe();
      resolve();
    };
    const unsubscribe = observable.subscribe(check);
    check();
    return unsubscribe;
  });
}

/** What can be read and observed, in the shape that React's useSyncExternalStore takes. */
export interface Store<T> {
  /** Calls `listener` after changes; returns how to stop that. */
  readonly subscribe: (listener: () => void) => () => void;
  /** The same object until something changes. */
  readonly snapshot: () => T;
}

/**
 * What `select` makes of a store, now and after each change, the newest only: who is slow misses what was overwritten.
 * Ends with the last value once `isOver`; throws AbortError when `signal` aborts.
 */
export async function* valuesOf<S, T>(
  store: Store<S>,
  select: (snapshot: S) => T,
  isOver: (snapshot: S) => boolean,
  signal?: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const linked = linkSignals(signal);
  let last: { readonly value: T } | undefined;
  try {
    for (;;) {
      const snapshot = store.snapshot();
      const value = select(snapshot);
      if (last === undefined || last.value !== value) {
        last = { value };
        yield value;
      } else if (isOver(snapshot)) return;
      else await nextChange(store, linked.signal);
    }
  } finally {
    linked.unlink();
  }
}

function nextChange(store: Store<unknown>, signal: AbortSignal): Promise<void> {
  const before = store.snapshot();
  return becomes(store, () => store.snapshot() !== before, signal);
}

import { execute } from 'abort-controller-x';
import type { Outbox } from './call-context.js';

/** The side of an outbox that the transport and the middleware keep up to date. */
export interface CountedOutbox extends Outbox {
  /** Messages given to the transport and not yet written to the socket. */
  readonly size: number;
  add(): void;
  written(): void;
}

/**
 * Counts messages between a handler's `yield` and the socket. nice-grpc resumes a handler while up to 16 messages of
 * any size are queued, so a handler that sends pages waits here instead.
 */
export function createOutbox(): CountedOutbox {
  const waiters = new Set<() => void>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    add: () => void size++,
    written: () => {
      size--;
      for (const wake of [...waiters]) wake();
    },
    waitUntilBelow: (max, signal) =>
      execute<void>(signal, (resolve) => {
        const check = () => {
          if (size >= max) return;
          waiters.delete(check);
          resolve();
        };
        waiters.add(check);
        check();
        return () => void waiters.delete(check);
      }),
  };
}

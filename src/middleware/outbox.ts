import { execute } from 'abort-controller-x';
import type { Outbox } from './call-context.js';

/** The side of an outbox that the transport and the middleware keep up to date. */
export interface CountedOutbox extends Outbox {
  /** Messages given to the transport and not yet written to the socket. */
  readonly size: number;
  add(): void;
  written(): void;
  /** Transport: how a message is written to the call, without its length; `done` when it is on the socket. */
  connect(send: (message: Uint8Array, done: () => void) => void): void;
}

/** gRPC's: whether a message is compressed, and its length. */
const PREFIX_BYTES = 5;

/**
 * Counts messages between a handler's `yield` and the socket. nice-grpc resumes a handler while up to 16 messages of
 * any size are queued, so a handler that sends pages waits here instead.
 */
export function createOutbox(): CountedOutbox {
  const waiters = new Set<() => void>();
  let size = 0;
  let queuedBytes = 0;
  let send: (message: Uint8Array, done: () => void) => void = () => undefined;
  return {
    onWritten: undefined,
    get size() {
      return size;
    },
    get queuedBytes() {
      return queuedBytes;
    },
    connect: (how) => void (send = how),
    write(frame) {
      size++;
      queuedBytes += frame.length;
      send(frame.subarray(PREFIX_BYTES), () => {
        queuedBytes -= frame.length;
        this.onWritten?.();
      });
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

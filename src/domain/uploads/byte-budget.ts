import { execute } from 'abort-controller-x';

/** Bounds the bytes of all uploads between socket and disk: who finds no room waits, first come first served. */
export interface ByteBudget {
  /** True if there was room at once. */
  tryTake(bytes: number): boolean;
  /** Rejects with the signal's reason when it aborts; then nothing is taken. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
  give(bytes: number): void;
}

interface Waiter {
  readonly bytes: number;
  grant(): void;
}

export function createByteBudget(maxBytes: number): ByteBudget {
  const waiters = new Set<Waiter>();
  let taken = 0;

  // One that is larger than all there is goes when it is alone.
  const fits = (bytes: number) => taken === 0 || taken + bytes <= maxBytes;

  function tryTake(bytes: number): boolean {
    if (waiters.size > 0 || !fits(bytes)) return false;
    taken += bytes;
    return true;
  }

  function serve(): void {
    for (const waiter of [...waiters]) {
      if (!fits(waiter.bytes)) return;
      waiters.delete(waiter);
      taken += waiter.bytes;
      waiter.grant();
    }
  }

  return {
    tryTake,
    async take(bytes, signal) {
      if (tryTake(bytes)) return;
      await execute<void>(signal, (resolve) => {
        const waiter = { bytes, grant: resolve };
        waiters.add(waiter);
        return () => {
          waiters.delete(waiter);
          serve();
        };
      });
    },
    give(bytes) {
      taken -= bytes;
      serve();
    },
  };
}

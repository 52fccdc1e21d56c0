import { abortable, throwIfAborted } from 'abort-controller-x';

/** One at a time by key, in the order of the calls. */
export interface KeyedLock {
  /** Waits for those before, then does the work. A call whose signal aborts while it waits never begins. */
  run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<void>>();

  async function takeTurn<T>(before: Promise<void> | undefined, signal: AbortSignal, work: () => Promise<T>) {
    await before;
    throwIfAborted(signal);
    return work();
  }

  return {
    async run(key, signal, work) {
      const turn = takeTurn(tails.get(key), signal, work);
      // Those behind wait for the end, good or bad; what it was is told to its caller below.
      const tail: Promise<void> = turn.then(ignore, ignore).then(() => {
        if (tails.get(key) === tail) tails.delete(key);
      });
      tails.set(key, tail);
      return abortable(signal, turn);
    },
  };
}

function ignore(): void {
  // Nothing to do.
}

import { execute } from 'abort-controller-x';
import type { ByteWriter } from '../../store/byte-store.js';
import { detach } from '../../streams/detach.js';
import type { ByteBudget } from './byte-budget.js';

/** What is collected before it is written. */
const WRITE_BYTES = 256 * 1024;
/** What may be on its way to the disk's cache … */
const MAX_UNDER_WAY = 2 * 1024 * 1024;
/** … and in it, from one stream. */
const MAX_UNSYNCED = 32 * 1024 * 1024;
/** It is made durable, and that is told, after so many bytes or so long. */
const SYNC_BYTES = 8 * 1024 * 1024;
const SYNC_MS = 1000;
/** What a piece costs besides its bytes, so that many small ones are bounded too. */
const PIECE_OVERHEAD = 512;

export interface WriteBehindDeps {
  readonly writer: ByteWriter;
  readonly budget: ByteBudget;
  /** Bytes that are durable to begin with. */
  readonly size: number;
  /** Called after bytes have become durable, up to this offset; one call at a time. */
  readonly advance: (size: number) => Promise<void>;
  /** Called when the operating system has everything up to this offset. */
  readonly onWritten?: (size: number) => void;
  /** Called once, when writing failed: nothing more is taken. */
  readonly onFailure: (error: Error) => void;
}

/**
 * Takes the bytes of one stream in while those before are on their way to the disk, and sees to it that they become
 * durable. Who is too fast waits.
 */
export function createWriteBehind(deps: WriteBehindDeps) {
  const { writer, budget, size, advance, onWritten, onFailure } = deps;
  let [received, handedOver, written, durable] = [size, size, size, size];
  let pieces: Uint8Array[] = [];
  /** What `pieces` cost, and what the writer has. */
  let [collected, underWay] = [0, 0];
  let failure: Error | undefined;
  let persisting: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isEnding = false;
  /** A sync has failed: what is written is not known to be there, and nobody may be told that it is. */
  let syncFailure: Error | undefined;
  const waiters = new Set<() => void>();

  function changed(): void {
    for (const look of [...waiters]) look();
  }

  function fail(error: unknown): void {
    if (failure) return;
    failure = error as Error;
    changed();
    onFailure(failure);
  }

  /** Waits until it is so; `signal` and a failure end the wait. */
  function until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    return execute<void>(signal, (resolve, reject) => {
      const look = () => {
        if (failure) reject(failure);
        else if (condition()) resolve();
        else return;
        waiters.delete(look);
      };
      waiters.add(look);
      look();
      return () => void waiters.delete(look);
    });
  }

  function flush(): void {
    if (pieces.length === 0) return;
    const [batch, cost, end] = [pieces, collected, received];
    [pieces, collected] = [[], 0];
    underWay += cost;
    handedOver = end;
    const done = () => {
      underWay -= cost;
      budget.give(cost);
      changed();
    };
    detach(
      writer.write(batch).then(
        () => {
          if (!failure) written = end;
          done();
          onWritten?.(written);
        },
        (error: unknown) => {
          fail(error);
          done();
        },
      ),
    );
    if (handedOver - durable >= SYNC_BYTES) persistSoon();
  }

  function persistSoon(): void {
    if (!persisting && !failure && !isEnding) persist().catch(ignore);
  }

  /** Makes durable what was written before. */
  function persist(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    persisting ??= persistOnce()
      .catch((error: unknown) => {
        fail(error);
        throw error;
      })
      .finally(() => {
        persisting = undefined;
        changed();
        if (handedOver - durable >= SYNC_BYTES) persistSoon();
        else if (received > durable) startTimer();
      });
    return persisting;
  }

  async function persistOnce(): Promise<void> {
    const goal = handedOver;
    await writer.sync().catch((error: unknown) => {
      // Whatever a later one says: the system may have dropped what it could not write.
      throw (syncFailure = error as Error);
    });
    // The replies come in order: what could not be written is known by now.
    const target = failure ? written : goal;
    if (target === durable) return;
    await advance(target);
    durable = target;
  }

  function startTimer(): void {
    if (failure || isEnding) return;
    timer ??= setTimeout(() => {
      // If a sync is under way, the end of that starts it anew.
      timer = undefined;
      flush();
      persistSoon();
    }, SYNC_MS);
  }

  return {
    /** Where the next byte belongs. */
    get received() {
      return received;
    },
    get durable() {
      return durable;
    },

    /** Takes bytes, which must not be changed afterwards. Rejects if writing failed. */
    async add(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
      const cost = bytes.length + PIECE_OVERHEAD;
      const isFull = () => underWay >= MAX_UNDER_WAY || received - durable >= MAX_UNSYNCED;
      if (failure || isFull()) await until(() => !isFull(), signal);
      if (!budget.tryTake(cost)) {
        // What is collected has its share of the budget: it must not wait for others, who may wait for it.
        flush();
        await budget.take(cost, signal);
      }
      pieces.push(bytes);
      collected += cost;
      received += bytes.length;
      if (collected >= WRITE_BYTES) flush();
      startTimer();
    },

    /** Hands over what is collected. */
    flush,

    /** Nothing is added any more. Resolves when all that was is with the operating system, and nothing is under way. */
    async allWritten(signal: AbortSignal): Promise<void> {
      endTimer();
      flush();
      await until(() => written === received && !persisting, signal);
    },

    /**
     * Nothing is added any more. Resolves when all that was is durable, or after a failure what was written before it.
     * Rejects if that fails.
     */
    async settle(): Promise<void> {
      endTimer();
      flush();
      while (underWay > 0 || persisting) await nextChange();
      if (syncFailure) throw syncFailure;
      if (written > durable) await persist();
    },

    /** Ends it: what is collected is dropped. */
    stop(): void {
      endTimer();
      failure ??= new Error('this upload is closed');
      budget.give(collected);
      [pieces, collected] = [[], 0];
    },
  };

  function nextChange(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        waiters.delete(look);
        resolve();
      };
      waiters.add(look);
    });
  }

  function endTimer(): void {
    isEnding = true;
    clearTimeout(timer);
  }
}

function ignore(): void {
  // `fail` has told it.
}

export type WriteBehind = ReturnType<typeof createWriteBehind>;

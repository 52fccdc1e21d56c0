import { setImmediate as nextTurn } from 'node:timers/promises';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { createDiskReserve } from './disk-reserve.js';
import { createDiskSpace } from './disk-space.js';
import { createHousekeeping } from './housekeeping.js';
import { openForWriting } from './schema.js';
import { recoverableWriteError } from './sqlite-errors.js';
import { type CommitReport, type Unit, createTransactions } from './transactions.js';

/** From the main thread: units to commit together, or the word to finish. */
export type WriterRequest = { readonly units: readonly Unit[] } | { readonly close: true };
/** To the main thread: one of the first two for each request, in order; the others in between. */
export type WriterReply = CommitReport | { readonly closed: true } | WriterWarning | { readonly isFull: boolean };

/** What an operator should know. */
export interface WriterWarning {
  readonly warning: string;
  readonly values: object;
}

export interface WriterOptions {
  readonly file: string;
  /** Time between rounds of retention and sweeping. */
  readonly housekeepingMs: number;
  /** See HousekeepingOptions. */
  readonly producerMaxIdleMs?: number;
  /** As `SqliteStoreOptions.diskReserveBytes`. */
  readonly diskReserveBytes: number;
}

/** Time between rounds while there is too little room on the disk. */
const TIGHT_MS = 1_000;

/**
 * The one writer. An error that leaves the outcome of a commit unknown is thrown: it ends the thread, and with it the
 * process (writer.ts).
 */
function run(port: NonNullable<typeof parentPort>, options: WriterOptions): void {
  const reserve = createDiskReserve(path.dirname(options.file), options.diskReserveBytes);
  const db = openForWriting(options.file, { reserveBytes: reserve.bytes });
  const space = createDiskSpace(db, reserve);
  const transactions = createTransactions(db, space);
  const housekeeping = createHousekeeping(db, transactions, options);
  const rest = createRest();
  let isClosing = false;
  let wasTight = false;
  let hasFailed = false;

  const warn = (warning: string, values: object) => port.postMessage({ warning, values } satisfies WriterReply);

  /** Steps alternate with turns of the event loop, in which waiting commits go first. */
  async function keepHouse(): Promise<void> {
    while (!isClosing) {
      space.recover();
      reportTightness();
      await rest.take(space.isTight ? Math.min(TIGHT_MS, options.housekeepingMs) : options.housekeepingMs);
      while (!isClosing && tryStep()) await nextTurn();
    }
  }

  function tryStep(): boolean {
    try {
      const isMore = housekeeping.step(Date.now(), space.isTight);
      if (!isMore) hasFailed = false;
      return isMore;
    } catch (error) {
      const recoverable = recoverableWriteError(error, db.name);
      if (!recoverable) throw error;
      if (recoverable.reason === 'DISK_FULL' && space.release()) return true;
      // The next round tries again.
      if (!hasFailed) warn('cannot apply retention, trying again', { reason: recoverable.reason });
      hasFailed = true;
      return false;
    }
  }

  function reportTightness(): void {
    if (space.isTight === wasTight) return;
    wasTight = space.isTight;
    port.postMessage({ isFull: wasTight } satisfies WriterReply);
    if (wasTight) warn('the disk is full: only reads and what frees space are served', { freeBytes: reserve.free() });
    else warn('the disk has room again: all writes are served', { freeBytes: reserve.free() });
  }

  port.on('message', (request: WriterRequest) => {
    if ('units' in request) {
      port.postMessage(transactions.commitUnits(request.units) satisfies WriterReply);
      reportTightness();
      if (space.isTight) rest.shorten(TIGHT_MS);
      return;
    }
    isClosing = true;
    rest.shorten(0);
    db.close();
    port.postMessage({ closed: true } satisfies WriterReply);
    port.close();
  });

  keepHouse().catch((error: unknown) => {
    if (!isClosing) throw error;
  });
}

/** A pause that can be made shorter while it lasts; it does not keep the thread alive. */
function createRest() {
  let end: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  let endsAt = Infinity;

  function arm(ms: number): void {
    clearTimeout(timer);
    endsAt = performance.now() + ms;
    timer = setTimeout(() => end(), ms).unref();
  }

  return {
    take(ms: number): Promise<void> {
      arm(ms);
      return new Promise((resolve) => (end = resolve));
    },
    shorten(ms: number): void {
      if (performance.now() + ms < endsAt) arm(ms);
    },
  };
}

if (parentPort) run(parentPort, workerData as WriterOptions);

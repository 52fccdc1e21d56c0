import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createHousekeeping } from './housekeeping.js';
import { openForWriting } from './schema.js';
import { recoverableWriteError } from './sqlite-errors.js';
import { type CommitReport, type Unit, createTransactions } from './transactions.js';

/** From the main thread: units to commit together, or the word to finish. */
export type WriterRequest = { readonly units: readonly Unit[] } | { readonly close: true };
/** To the main thread, one for each request, in order. */
export type WriterReply = CommitReport | { readonly closed: true };

export interface WriterOptions {
  readonly file: string;
  /** Time between rounds of retention and sweeping. */
  readonly housekeepingMs: number;
  /** See HousekeepingOptions. */
  readonly producerMaxIdleMs?: number;
}

/**
 * The one writer. An error that leaves the outcome of a commit unknown is thrown: it ends the thread, and with it the
 * process (writer.ts).
 */
function run(port: NonNullable<typeof parentPort>, options: WriterOptions): void {
  const db = openForWriting(options.file);
  const transactions = createTransactions(db);
  const housekeeping = createHousekeeping(db, transactions, options);
  const closing = new AbortController();

  /** Steps alternate with turns of the event loop, in which waiting commits go first. */
  async function keepHouse(): Promise<void> {
    while (!closing.signal.aborted) {
      await pause(options.housekeepingMs, undefined, { signal: closing.signal, ref: false });
      while (tryStep()) await nextTurn(undefined, { signal: closing.signal });
    }
  }

  function tryStep(): boolean {
    try {
      return housekeeping.step(Date.now());
    } catch (error) {
      // A full disk, say: the next round tries again.
      if (recoverableWriteError(error, db.name)) return false;
      throw error;
    }
  }

  port.on('message', (request: WriterRequest) => {
    if ('units' in request) {
      port.postMessage(transactions.commitUnits(request.units) satisfies WriterReply);
      return;
    }
    closing.abort();
    db.close();
    port.postMessage({ closed: true } satisfies WriterReply);
    port.close();
  });

  keepHouse().catch((error: unknown) => {
    if (!closing.signal.aborted) throw error;
  });
}

if (parentPort) run(parentPort, workerData as WriterOptions);

import path from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Change, ResultsOf, Store, WriteOptions } from '../store.js';
import { createDiskReserve } from './disk-reserve.js';
import { createDeferredWriter } from './deferred-writer.js';
import { lockDirectory } from './directory-lock.js';
import { openExclusively, shareDatabase } from './exclusive-reader.js';
import { makeDirectory } from './make-directory.js';
import { openError } from './open-error.js';
import { createReader } from './reader.js';
import { startSafetyPoll } from './safety-poll.js';
import { migrate, openForReading, openForWriting, type Warn } from './schema.js';
import { isDiskFull } from './sqlite-errors.js';
import { createWakes } from './wakes.js';
import { createWriter } from './writer.js';

export interface SqliteStoreOptions {
  /** Created if it is not there. One process at a time may use it. */
  readonly dataDir: string;
  /** True: the store was restored from a backup, and tokens given since that was made are refused. Default: false. */
  readonly newEpoch?: boolean;
  /**
   * Called once if the writer dies: what was under way has an unknown outcome, and the process must end with a
   * non-zero code; recovery is the same as after `kill -9`. Default: throws, uncaught.
   */
  readonly onFatal?: (error: unknown) => void;
  /** Time between rounds of retention and sweeping. Default: 10 s. */
  readonly housekeepingMs?: number;
  /** Producers that are kept, and have no kept event, are forgotten this long after their last one. Default: 365 days. */
  readonly producerMaxIdleMs?: number;
  /** Time between looks for wake-ups that were lost. Default: 1 s. */
  readonly safetyPollMs?: number;
  /**
   * What is kept back on the disk for work that frees space when it is full, at most an eighth of the file system.
   * Default: 16 MiB.
   */
  readonly diskReserveBytes?: number;
  /** Takes what an operator should know. Default: nobody is told. */
  readonly warn?: Warn;
}

/**
 * The embedded store: one SQLite database in WAL mode, a writer thread, and readers on this thread.
 * Errors: `precondition` DATA_DIR_IN_USE, STORE_TOO_NEW, NOT_A_STORE, DATA_DIR_FULL, DATA_DIR_UNUSABLE (errors
 * of the file system).
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  try {
    makeDirectory(options.dataDir);
    return openLocked(options, lockDirectory(options.dataDir));
  } catch (error) {
    throw openError(error, options.dataDir);
  }
}

function openLocked(options: SqliteStoreOptions, unlock: () => void): Store {
  try {
    return open(options, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

/** With less the database cannot be opened: its shared memory is a file, and the WAL may have to be read. */
const START_BYTES = 1024 * 1024;

function open(options: SqliteStoreOptions, unlock: () => void): Store {
  const { dataDir, diskReserveBytes = 16 * 1024 * 1024 } = options;
  const file = path.join(dataDir, 'leat.db');
  const reserve = createDiskReserve(dataDir, diskReserveBytes);
  if (reserve.free() < START_BYTES) reserve.release();
  const { db, epoch, isShared } = openDatabase(file, options);
  const wakes = createWakes();
  const { onFatal = rethrow, warn = () => undefined } = options;
  const startWriter = () =>
    createWriter(
      {
        file,
        housekeepingMs: options.housekeepingMs ?? 10_000,
        producerMaxIdleMs: options.producerMaxIdleMs,
        diskReserveBytes,
      },
      {
        onGrown: (topics) => topics.forEach((topic) => wakes.wake(topic)),
        onWarning: warn,
        onFatal,
      },
    );
  const tryToStart = () => (reserve.free() >= START_BYTES && shareDatabase(db) ? startWriter() : undefined);
  const writer = isShared ? startWriter() : createDeferredWriter(tryToStart, { warn, onFatal });
  const stopPoll = startSafetyPoll(db, wakes, { intervalMs: options.safetyPollMs ?? 1000, warn, onFatal });
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    stopPoll();
    await writer.close();
    db.close();
    unlock();
  }

  return {
    ...createReader(db),
    epoch,
    write: <const C extends readonly Change[]>(changes: C, options?: WriteOptions) =>
      writer.write(changes, options) as Promise<ResultsOf<C>>,
    room: (bytes, signal, options) => writer.room(bytes, signal, options),
    get isFull() {
      return writer.isFull;
    },
    onWake: (topic, callback) => wakes.on(topic, callback),
    close: () => (closing ??= close()),
  };
}

interface OpenedDatabase {
  /** For reading. */
  readonly db: Database;
  readonly epoch: string;
  /** False: the disk is too full for a second connection, the writer's. */
  readonly isShared: boolean;
}

function openDatabase(file: string, options: SqliteStoreOptions): OpenedDatabase {
  try {
    const epoch = prepare(file, options);
    return { db: openForReading(file), epoch, isShared: true };
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return { ...openExclusively(file, options), isShared: false };
  }
}

function prepare(file: string, { newEpoch, warn }: SqliteStoreOptions): string {
  const db = openForWriting(file);
  try {
    return migrate(db, { newEpoch, warn });
  } finally {
    db.close();
  }
}

function rethrow(error: unknown): void {
  throw error;
}

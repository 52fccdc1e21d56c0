import { closeSync, fsyncSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A run that ended without stopping: `kill -9`, a crash, a loss of power. Times are ISO 8601. */
export interface UncleanStop {
  /** undefined if it cannot be read. */
  readonly startedAt: string | undefined;
  /** When its store was last written; undefined if there is nothing to tell it by. */
  readonly lastWriteAt: string | undefined;
  /** Size of the write-ahead log that it left, which opening the store recovers. */
  readonly walBytes: number;
}

const markerOf = (dataDir: string) => path.join(dataDir, 'leat.running');

/**
 * Whether the last run in this data directory stopped cleanly; undefined if it did. To be called before the store is
 * opened, which recovers the write-ahead log.
 */
export function findUncleanStop(dataDir: string): UncleanStop | undefined {
  const startedAt = attempt(() => readFileSync(markerOf(dataDir), 'utf8').trim());
  if (startedAt === undefined) return undefined;
  const wal = attempt(() => statSync(path.join(dataDir, 'leat.db-wal')));
  return {
    startedAt: Number.isNaN(Date.parse(startedAt)) ? undefined : startedAt,
    lastWriteAt: wal && wal.size > 0 ? wal.mtime.toISOString() : undefined,
    walBytes: wal?.size ?? 0,
  };
}

/** Marks the data directory as in use by a running server. Returns the function that marks it as cleanly stopped. */
export function markRunning(dataDir: string): () => void {
  // A full or read-only disk must keep nobody from starting or stopping: then an unclean stop goes unnoticed.
  attempt(() => {
    writeFileSync(markerOf(dataDir), `${new Date().toISOString()}\n`, { flush: true });
    syncDirectory(dataDir);
  });
  return () => {
    attempt(() => {
      rmSync(markerOf(dataDir), { force: true });
      syncDirectory(dataDir);
    });
  };
}

function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** undefined if the file system refuses. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

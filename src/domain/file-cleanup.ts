import { setTimeout as pause } from 'node:timers/promises';
import type { ByteStore } from '../store/byte-store.js';
import type { Log } from './log.js';

/** Removes the files of uploads and blobs that the store has forgotten. */
export interface FileCleanup {
  /**
   * Tries once and returns. Never rejects, because what the caller asked for is committed already: a file that cannot
   * be removed is logged and tried again in the background, and at the next start (repair-files.ts).
   */
  remove(fileId: string): Promise<void>;
  /** Ends the retries and waits for the one under way. Repeating it is harmless. */
  close(): Promise<void>;
}

export interface FileCleanupOptions {
  readonly bytes: Pick<ByteStore, 'remove'>;
  readonly log: Log;
  /** Milliseconds before the first retry; doubled after each round in which nothing could be removed. Default: 1 s. */
  readonly minDelayMs?: number;
  /** Default: 5 minutes. */
  readonly maxDelayMs?: number;
}

/** Files that are kept in mind; more than these are left to the next start. */
const MAX_LEFT = 10_000;

export function createFileCleanup(options: FileCleanupOptions): FileCleanup {
  const { bytes, log, minDelayMs = 1_000, maxDelayMs = 5 * 60_000 } = options;
  const closing = new AbortController();
  const left = new Set<string>();
  let retrying: Promise<void> = Promise.resolve();
  let isRetrying = false;

  async function remove(fileId: string): Promise<void> {
    const failure = await tryToRemove(fileId);
    if (!failure) return;
    // One line for many: whatever keeps the first one keeps the others too.
    if (left.size === 0) log.warn({ fileId, err: failure.error }, 'cannot remove a deleted file, trying again later');
    if (left.size < MAX_LEFT) left.add(fileId);
    if (isRetrying || closing.signal.aborted) return;
    isRetrying = true;
    retrying = retryUntilDone().finally(() => (isRetrying = false));
  }

  /** Ends without an error, whatever a removal throws. */
  async function retryUntilDone(): Promise<void> {
    let delayMs = minDelayMs;
    while (left.size > 0 && (await pauseFor(delayMs))) {
      const before = left.size;
      const failure = await retryAll();
      delayMs = left.size < before ? minDelayMs : Math.min(delayMs * 2, maxDelayMs);
      if (failure) log.warn({ files: left.size, err: failure.error }, 'deleted files still cannot be removed');
      else if (left.size === 0) log.info({ files: before }, 'removed the deleted files that were left');
    }
  }

  async function retryAll(): Promise<Failure | undefined> {
    let last: Failure | undefined;
    for (const fileId of [...left]) {
      if (closing.signal.aborted) break;
      const failure = await tryToRemove(fileId);
      if (failure) last = failure;
      else left.delete(fileId);
    }
    return last;
  }

  async function tryToRemove(fileId: string): Promise<Failure | undefined> {
    try {
      await bytes.remove(fileId);
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  /** False if it was closed meanwhile. */
  async function pauseFor(ms: number): Promise<boolean> {
    return pause(ms, true, { signal: closing.signal, ref: false }).catch(() => false);
  }

  return {
    remove,
    async close() {
      closing.abort();
      await retrying;
    },
  };
}

interface Failure {
  readonly error: unknown;
}

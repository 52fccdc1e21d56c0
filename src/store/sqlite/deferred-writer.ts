import { fullAtStart, storeClosed } from './sqlite-errors.js';
import type { Warn } from './schema.js';
import type { Writer } from './writer.js';

/** Time between tries. */
const RETRY_MS = 1_000;

export interface DeferredWriterOptions {
  readonly warn: Warn;
  /** Takes what nobody expected; called at most once. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * A writer that starts as soon as there is room for it on the disk, and refuses all writes until then (DISK_FULL).
 * `tryToStart` returns undefined while there is none.
 */
export function createDeferredWriter(
  tryToStart: () => Writer | undefined,
  { warn, onFatal }: DeferredWriterOptions,
): Writer {
  let writer = tryToStart();
  if (writer) return writer;
  warn({}, 'the disk is full: the service is read-only until at least 1 MiB is free on it');
  let refusal = fullAtStart();
  const timer = setInterval(startLater, RETRY_MS).unref();

  function startLater(): void {
    try {
      writer = tryToStart();
    } catch (error) {
      clearInterval(timer);
      onFatal(error);
    }
    if (!writer) return;
    clearInterval(timer);
    warn({}, 'the disk has room again: the service is no longer read-only');
  }

  return {
    async write(changes, options) {
      if (writer) return writer.write(changes, options);
      // A barrier, behind nothing.
      if (changes.length === 0) return [];
      throw refusal;
    },
    room: (...room) => writer?.room(...room) ?? Promise.reject(refusal),
    async close() {
      clearInterval(timer);
      refusal = storeClosed();
      await writer?.close();
    },
    get isFull() {
      return writer?.isFull ?? true;
    },
  };
}

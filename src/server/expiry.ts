import { setTimeout as pause } from 'node:timers/promises';
import { isDomainError } from '../domain/errors.js';
import type { Log } from '../domain/log.js';
import type { UploadDirectory } from '../domain/uploads/upload-directory.js';

/** Uploads are looked at a few times within their time, but neither all the time nor once a week. */
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 60_000;

export interface ExpiryOptions {
  readonly maxIdleMs: number;
  readonly log: Log;
  /** Takes what nobody expected; called at most once. */
  readonly onFatal: (error: unknown) => void;
}

/** Throws uploads away when their time has come. Returns the function that ends it, and waits for what is under way. */
export function startExpiry(
  uploads: Pick<UploadDirectory, 'expire'>,
  { maxIdleMs, log, onFatal }: ExpiryOptions,
): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const interval = Math.min(Math.max(maxIdleMs / 4, MIN_INTERVAL_MS), MAX_INTERVAL_MS);

  async function run(): Promise<void> {
    for (;;) {
      await pause(interval, undefined, { signal, ref: false });
      try {
        await uploads.expire(signal);
      } catch (error) {
        // The store is busy or closed, say: the next round tries again.
        if (!isDomainError(error)) throw error;
        log.warn({ err: error }, 'cannot look for expired uploads, trying again later');
      }
    }
  }

  const running = run().catch((error: unknown) => {
    if (!signal.aborted) onFatal(error);
  });
  return async () => {
    stopping.abort();
    await running;
  };
}

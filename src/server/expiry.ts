import { setTimeout as pause } from 'node:timers/promises';
import { isAbortError } from 'abort-controller-x';
import { isDomainError } from '../domain/errors.js';
import type { UploadDirectory } from '../domain/uploads/upload-directory.js';

/** Uploads are looked at a few times within their time, but neither all the time nor once a week. */
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 60_000;

/** Throws uploads away when their time has come. Returns the function that ends it, and waits for what is under way. */
export function startExpiry(uploads: UploadDirectory, maxIdleMs: number): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const interval = Math.min(Math.max(maxIdleMs / 4, MIN_INTERVAL_MS), MAX_INTERVAL_MS);

  async function run(): Promise<void> {
    for (;;) {
      await pause(interval, undefined, { signal, ref: false });
      await uploads.expire(signal).catch(rethrowUnlessDomainError);
    }
  }

  const running = run().catch((error: unknown) => {
    if (!isAbortError(error)) throw error;
  });
  return async () => {
    stopping.abort();
    await running;
  };
}

/** The store is busy or closed, say: the next round tries again. */
function rethrowUnlessDomainError(error: unknown): void {
  if (!isDomainError(error)) throw error;
}

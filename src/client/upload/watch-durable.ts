import { catchAbortError, delay } from 'abort-controller-x';
import type { UploadClient } from './upload-client.js';

export interface WatchOptions {
  readonly uploadId: string;
  /** Whether somebody waits for it: then it is asked for at every tick. */
  readonly isUrgent: () => boolean;
  /** Whether somebody likes to hear it: then it is asked for twice a second. */
  readonly isWatched: boolean;
  readonly onDurable: (bytes: number) => void;
  readonly signal: AbortSignal;
}

const TICK_MS = 50;
const CALM_TICKS = 10;
const TIMEOUT_MS = 5_000;

/**
 * Asks how much of an upload is durable while another call sends it, until `signal` aborts; then it resolves. An answer
 * that does not come is not missed: the call that sends knows what is wrong. Throws what `onDurable` throws.
 */
export async function watchDurable(uploads: UploadClient, options: WatchOptions): Promise<void> {
  const { isUrgent, isWatched, onDurable, signal } = options;
  for (let tick = 1; !signal.aborted; tick++) {
    await delay(signal, TICK_MS).catch(catchAbortError);
    const isTime = isUrgent() || (isWatched && tick % CALM_TICKS === 0);
    if (signal.aborted || !isTime) continue;
    const bytes = await askOnce(uploads, options);
    if (bytes !== undefined && !signal.aborted) onDurable(bytes);
  }
}

async function askOnce(uploads: UploadClient, { uploadId, signal }: WatchOptions): Promise<number | undefined> {
  try {
    const { upload } = await uploads.getUpload({ uploadId }, { signal, timeoutMs: TIMEOUT_MS, retry: false });
    return Number(upload?.committedSize ?? 0);
  } catch {
    return undefined;
  }
}

import { delay, rethrowAbortError, throwIfAborted } from 'abort-controller-x';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import { createAttempts } from '../attempts.js';
import { createFileDigest } from '../file-digest.js';
import { LeatError } from '../leat-error.js';
import { linkSignals } from '../link-signals.js';
import { refuseEmptyOption } from '../refuse-empty-option.js';
import { openSource } from './open-source.js';
import { sendOnce } from './send-once.js';
import type { Upload } from './upload-call.js';
import type { UploadClient } from './upload-client.js';
import { createUploadId } from './upload-id.js';
import { createUploadLedger } from './upload-ledger.js';
import type { UploadOptions, UploadResult, UploadSource } from './upload-options.js';
import { checkSize } from './upload-verdicts.js';

/** Bytes that were damaged on their way are sent again, and a wrong offset is mended; not for ever. */
const MAX_CORRECTIONS = 3;
const corrected: readonly (string | undefined)[] = ['CHECKSUM_MISMATCH', 'WRONG_OFFSET'];

export interface UploadDeps {
  readonly uploads: UploadClient;
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
}

/** See `LeatClient.upload`. */
export async function upload(
  { uploads, closed }: UploadDeps,
  source: UploadSource,
  options: UploadOptions,
): Promise<UploadResult> {
  const linked = linkSignals(options.signal, closed);
  try {
    throwIfAborted(linked.signal);
    return await uploadSource(uploads, source, options, linked.signal);
  } finally {
    linked.unlink();
  }
}

async function uploadSource(
  uploads: UploadClient,
  source: UploadSource,
  options: UploadOptions,
  signal: AbortSignal,
): Promise<UploadResult> {
  refuseEmptyOption('uploadId', options.uploadId);
  const feed = await openSource(source, options);
  const { uploadId = createUploadId(), contentType } = options;
  const ledger = createUploadLedger(uploadId, feed, options);
  const size = feed.size === undefined ? undefined : BigInt(feed.size);
  const start = { uploadId, name: options.name ?? feed.name ?? uploadId, contentType, size };
  try {
    if (feed.size !== undefined) checkSize(feed.size, options.size, 0);
    const blob = await sendAll({ uploads, start, feed, digest: createFileDigest(), ledger, signal }, options);
    return { ...ledger.progress, resumedAt: ledger.resumedAt, blob };
  } catch (error) {
    rethrowAbortError(error);
    throw LeatError.from(error).withAchieved({ uploaded: ledger.progress });
  } finally {
    await feed.close();
  }
}

/** One call after the other, until the upload is a blob. */
async function sendAll(upload: Upload, options: UploadOptions): Promise<Blob> {
  const { ledger, signal } = upload;
  const { maxAttempts, maxFirstAttempts = maxAttempts } = options;
  let attempts = createAttempts({ ...options, maxAttempts: maxFirstAttempts });
  let isFresh = options.uploadId === undefined;
  let heard = -1;
  let corrections = 0;
  for (;;) {
    try {
      return await sendOnce(upload, isFresh);
    } catch (error) {
      rethrowAbortError(error);
      const failure = LeatError.from(error);
      isFresh = false;
      if (ledger.heard > heard) {
        heard = ledger.heard;
        attempts = createAttempts(options);
        corrections = 0;
      }
      // The service asks for another try, but somebody has to free space first, and may never do so.
      if (failure.reason === 'DISK_FULL') throw failure;
      if (corrected.includes(failure.reason) && corrections++ < MAX_CORRECTIONS) continue;
      const setback = attempts.failed(failure);
      options.onSetback?.(setback);
      await delay(signal, setback.delayMs);
    }
  }
}

import { throwIfAborted } from 'abort-controller-x';
import { Status } from 'nice-grpc';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import { clientReasons, LeatError } from '../leat-error.js';
import { findUpload } from './find-upload.js';
import { sourceFailed } from './open-source.js';
import { pieceLimits } from './source-feed.js';
import { passOver, uploadCall, type Upload } from './upload-call.js';
import { blobDiffers, checkBlob } from './upload-verdicts.js';

/**
 * Goes on with the upload where the service has it, in one call, to its end. `isFresh`: nobody can know it yet, so
 * nobody is asked.
 */
export async function sendOnce(upload: Upload, isFresh: boolean): Promise<Blob> {
  const { uploads, start, feed, digest, ledger, signal } = upload;
  const found = isFresh ? undefined : await findUpload(uploads, start.uploadId, signal);
  if (found?.blob !== undefined) {
    ledger.begin(Number(found.blob.size));
    return compare(upload, found.blob);
  }
  if (found === undefined && ledger.progress.durable > 0) throw uploadGone(start.uploadId);

  const durable = Number(found?.upload?.committedSize ?? 0);
  ledger.begin(durable);
  if (!isFresh) ledger.durable(durable);
  // Of what an earlier run has sent, the last piece is sent again: the service compares it, and refuses another source
  // at once. The digest would tell, too, but at the end, when all was sent.
  const from = digest.length < durable ? Math.max(digest.length, durable - pieceLimits.bytes) : durable;
  feed.release(from);
  await seek(upload, Math.min(digest.length, from));
  await passOver(upload, from);
  throwIfAborted(signal);
  const { blob, bytesReceived } = await uploadCall(upload, from);
  ledger.durable(Number(bytesReceived));
  if (feed.failure !== undefined) throw sourceFailed(feed.failure.error);
  if (blob === undefined) throw streamCut();
  return compare(upload, blob);
}

/** The blob, if it is what the source has: all of it is read, as far as that was not done, up to its end. */
async function compare(upload: Upload, blob: Blob): Promise<Blob> {
  const { feed, digest, ledger, signal } = upload;
  const size = Number(blob.size);
  ledger.durable(size);
  // An empty blob too is compared: what counts is where the source ends, not how much of it was read so far.
  if ((feed.size ?? size) !== size || digest.length > size) throw blobDiffers(blob);
  if (ledger.end === undefined) {
    feed.release(Infinity);
    await seek(upload, digest.length);
    await passOver(upload, size);
    throwIfAborted(signal);
    if (feed.failure !== undefined) throw sourceFailed(feed.failure.error);
    // It goes on behind the last byte of the blob.
    if (ledger.end === undefined) throw blobDiffers(blob);
    await feed.confirm();
  }
  checkBlob(blob, digest);
  return blob;
}

async function seek({ feed }: Upload, offset: number): Promise<void> {
  await feed.seek(offset).catch((error: unknown) => {
    throw sourceFailed(error);
  });
}

function uploadGone(uploadId: string): LeatError {
  return new LeatError(`upload ${uploadId} was cancelled, or has expired, or its blob was deleted; upload it again`, {
    code: Status.NOT_FOUND,
    reason: clientReasons.uploadGone,
  });
}

function streamCut(): LeatError {
  const options = { code: Status.UNAVAILABLE, reason: clientReasons.streamCut };
  return new LeatError('the upload ended before its end', options);
}

import { Status } from 'nice-grpc';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import type { FileDigest } from '../file-digest.js';
import { clientReasons, LeatError } from '../leat-error.js';

/** Throws SOURCE_SIZE_DIFFERS, before `finish` would make the service throw away what it has. */
export function checkSize(length: number, expected: number | undefined, durable: number): void {
  if (length >= durable && (expected === undefined || length === expected)) return;
  const other = expected === undefined || length < durable ? `${durable} are durable` : `there should be ${expected}`;
  throw new LeatError(`the source has ${length} bytes, and ${other}; is it another one?`, {
    code: Status.FAILED_PRECONDITION,
    reason: clientReasons.sourceSizeDiffers,
  });
}

/** Throws BLOB_DIFFERS if what was made of the upload is not what the source has, all of which was read. */
export function checkBlob(blob: Blob, digest: FileDigest): void {
  if (BigInt(digest.length) !== blob.size || !digest.value().equals(blob.sha256)) throw blobDiffers(blob);
}

export function blobDiffers({ blobId, size, sha256 }: Blob): LeatError {
  return new LeatError(`${blobId} is finished already, and its bytes are others; upload these under another id`, {
    code: Status.ALREADY_EXISTS,
    reason: clientReasons.blobDiffers,
    metadata: { size: String(size), sha256: Buffer.from(sha256).toString('hex') },
  });
}

import { Status } from 'nice-grpc';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import { persevere, type PerseveranceOptions } from '../attempts.js';
import { LeatError } from '../leat-error.js';
import { orNoAnswer } from '../no-answer.js';
import type { BlobClient } from './blob-client.js';

/** Asks what a blob is, until the service says. */
export function findBlob(blobs: BlobClient, blobId: string, options: PerseveranceOptions): Promise<Blob> {
  return persevere(async () => {
    const { blob } = await blobs
      .getBlob({ blobId }, { signal: options.signal, retry: false })
      .catch((error: unknown) => {
        throw orNoAnswer(error);
      });
    if (blob !== undefined) return blob;
    throw new LeatError('the service did not say what the blob is', { code: Status.INTERNAL, reason: 'NO_BLOB' });
  }, options);
}

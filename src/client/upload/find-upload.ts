import { Status } from 'nice-grpc';
import type { GetUploadResponse } from '../../../gen/leat/v1/upload_service.js';
import { LeatError } from '../leat-error.js';
import { orNoAnswer } from '../no-answer.js';
import type { UploadClient } from './upload-client.js';

/** How far the upload is; undefined if the service does not know it. */
export async function findUpload(
  uploads: UploadClient,
  uploadId: string,
  signal: AbortSignal,
): Promise<GetUploadResponse | undefined> {
  try {
    return await uploads.getUpload({ uploadId }, { signal, retry: false });
  } catch (error) {
    if (error instanceof LeatError && error.code === Status.NOT_FOUND) return undefined;
    throw orNoAnswer(error);
  }
}

import type { StoredBlob, StoredUpload } from '../files.js';

export interface UploadRow {
  readonly upload_id: string;
  readonly author: string;
  readonly file_id: string;
  readonly epoch: number;
  readonly committed_size: number;
  readonly create_time: number;
  readonly expire_time: number;
  readonly record: Buffer;
}

export interface BlobRow {
  readonly blob_id: string;
  readonly file_id: string;
  readonly size: number;
  readonly revision: number;
  readonly record: Buffer;
}

/** All but the checksums, which few want and which can be long. */
export const BLOB_COLUMNS = 'blob_id, file_id, size, revision, record';

export function toStoredUpload(row: UploadRow): StoredUpload {
  return {
    uploadId: row.upload_id,
    author: row.author,
    fileId: row.file_id,
    epoch: row.epoch,
    committedSize: row.committed_size,
    createTimeMs: row.create_time,
    expireTimeMs: row.expire_time,
    record: row.record,
  };
}

export function toStoredBlob({ blob_id, file_id, size, revision, record }: BlobRow): StoredBlob {
  return { blobId: blob_id, fileId: file_id, size, revision, record };
}

import { Upload, UploadStart, UploadState } from '../../../gen/leat/v1/upload_service.js';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import type { StoredUpload } from '../../store/files.js';
import { timestampFromMs } from '../timestamps.js';
import type { Start } from './upload-requests.js';

/** What an upload was started with, as it is stored. */
export function encodeStart({ size, ...start }: Start): Uint8Array {
  return UploadStart.encode({ ...start, size: size === undefined ? undefined : BigInt(size) }).finish();
}

export function decodeStart({ record }: Pick<StoredUpload, 'record'>): Start {
  const { size, ...start } = UploadStart.decode(record);
  return { ...start, size: size === undefined ? undefined : Number(size) };
}

/** An upload that waits for more, as clients see it. */
export function partialUpload(stored: StoredUpload): Upload {
  const { uploadId, name, contentType, size } = decodeStart(stored);
  return {
    uploadId,
    state: UploadState.UPLOAD_STATE_PARTIAL,
    committedSize: BigInt(stored.committedSize),
    size: size === undefined ? undefined : BigInt(size),
    expireTime: timestampFromMs(stored.expireTimeMs),
    name,
    contentType,
    createTime: timestampFromMs(stored.createTimeMs),
  };
}

/** The upload that became this blob. */
export function completeUpload(blob: Blob): Upload {
  return {
    uploadId: blob.blobId,
    state: UploadState.UPLOAD_STATE_COMPLETE,
    committedSize: blob.size,
    size: blob.size,
    expireTime: undefined,
    name: blob.name,
    contentType: blob.contentType,
    createTime: blob.createTime,
  };
}

/** What tells the two apart, in words; undefined if they are the same. `known` is what was said first. */
export function differenceOf(known: Start, now: Start): string | undefined {
  for (const field of ['name', 'contentType', 'size'] as const) {
    if (known[field] !== now[field])
      return `was started with another ${field === 'contentType' ? 'content_type' : field}`;
  }
  return Buffer.compare(known.sha256, now.sha256) === 0 ? undefined : 'was started with another sha256';
}

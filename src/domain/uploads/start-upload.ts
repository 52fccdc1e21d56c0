import { randomUUID } from 'node:crypto';
import type { StoredBlob, StoredUpload } from '../../store/files.js';
import { decodeBlob } from '../blobs/blob-record.js';
import { isDomainError } from '../errors.js';
import { createFinishedSession, isStartOf } from './finished-session.js';
import { ofUpload, uploadDiffers, uploadTooLarge } from './upload-errors.js';
import { decodeStart, differenceOf, encodeStart } from './upload-record.js';
import type { Start } from './upload-requests.js';
import { createUploadSession, type SessionDeps, type UploadSession } from './upload-session.js';

/** Calls of one process take turns, so only other processes on the same store can come between. */
const MAX_ATTEMPTS = 8;

/**
 * Creates the upload or takes it over, and opens a session on it; one that is a blob already has a session that
 * compares. Only one at a time may do so for one upload.
 * Errors: `exists` UPLOAD_DIFFERS, `exhausted` UPLOAD_TOO_LARGE, TOO_MANY_UPLOADS, DISK_FULL.
 */
export async function startUpload(
  deps: SessionDeps,
  start: Start,
  caller: string,
  signal: AbortSignal,
): Promise<UploadSession> {
  const { store, bytes } = deps;
  for (let attempt = 1; ; attempt++) {
    const blob = await store.blob(start.uploadId);
    if (blob) return openFinished(deps, blob, start, caller, signal);
    const known = await store.upload(start.uploadId);
    checkSameStart(known, start, caller);
    await reserveRoom(deps, start, known);
    try {
      const upload = await claim(deps, start, caller, known?.epoch ?? 0);
      return createUploadSession(deps, upload, await bytes.openWriter(upload.fileId, upload.committedSize), signal);
    } catch (error) {
      deps.room.release(start.uploadId);
      const isOvertaken = isDomainError(error) && ['UPLOAD_FENCED', 'BLOB_EXISTS'].includes(error.reason);
      if (!isOvertaken || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

async function claim({ store, limits, now }: SessionDeps, start: Start, author: string, expectedEpoch: number) {
  const { uploadId } = start;
  const written = store.write([
    {
      kind: 'start-upload',
      uploadId,
      expectedEpoch,
      author,
      fileId: randomUUID(),
      record: encodeStart(start),
      expireTimeMs: now() + limits.maxIdleMs,
      maxOpen: limits.maxOpen,
    },
  ]);
  const [upload] = await ofUpload(uploadId, written);
  return upload;
}

/** Throws UPLOAD_DIFFERS unless the upload, if it is known, is the caller's, who starts it as at first. */
export function checkSameStart(known: StoredUpload | undefined, start: Start, caller: string): void {
  if (known && known.author !== caller) throw uploadDiffers(start.uploadId, 'was started by another caller');
  const difference = known && differenceOf(decodeStart(known), start);
  if (difference !== undefined) throw uploadDiffers(start.uploadId, difference);
}

async function reserveRoom(
  { room, limits }: SessionDeps,
  { uploadId, size = 0 }: Start,
  known: StoredUpload | undefined,
): Promise<void> {
  if (size > limits.maxBytes) throw uploadTooLarge(uploadId, limits.maxBytes);
  await room.reserve(uploadId, Math.max(size - (known?.committedSize ?? 0), 0));
}

async function openFinished(
  { bytes }: SessionDeps,
  stored: StoredBlob,
  start: Start,
  caller: string,
  signal: AbortSignal,
): Promise<UploadSession> {
  const blob = decodeBlob(stored);
  if (blob.author !== caller) throw uploadDiffers(start.uploadId, 'was started by another caller');
  if (!isStartOf(blob, start)) throw uploadDiffers(start.uploadId, 'is finished, and was started otherwise');
  return createFinishedSession(blob, await bytes.openReader(stored.fileId), signal);
}

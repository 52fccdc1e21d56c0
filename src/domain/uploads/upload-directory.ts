import { throwIfAborted } from 'abort-controller-x';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import type { Upload } from '../../../gen/leat/v1/upload_service.js';
import type { StoredUpload } from '../../store/files.js';
import { detach } from '../../streams/detach.js';
import { decodeBlob } from '../blobs/blob-record.js';
import { isDomainError } from '../errors.js';
import { createKeyedLock } from '../keyed-lock.js';
import { checkSameStart, startUpload } from './start-upload.js';
import { uploadCancelled, uploadComplete, uploadFenced, uploadNotFound } from './upload-errors.js';
import { completeUpload, partialUpload } from './upload-record.js';
import type { FilesPage, Start } from './upload-requests.js';
import type { SessionDeps, UploadSession } from './upload-session.js';

/** Who asks, and whether they still do. */
export interface Call {
  readonly caller: string;
  readonly signal: AbortSignal;
}

/** An upload, and the blob that it became. */
export interface FoundUpload {
  readonly upload: Upload;
  readonly blob: Blob | undefined;
}

/** The uploads: what the rpcs of UploadService mean, on requests that are checked already. */
export interface UploadDirectory {
  /** Opens a session, after ending the one before; must be closed. Errors: as startUpload. */
  start(start: Start, call: Call): Promise<UploadSession>;
  /** Errors: `not-found` UPLOAD_NOT_FOUND. */
  find(uploadId: string, caller: string): Promise<FoundUpload>;
  /** Errors: `not-found` UPLOAD_NOT_FOUND, `precondition` UPLOAD_COMPLETE. */
  cancel(uploadId: string, call: Call): Promise<void>;
  list(page: FilesPage, caller: string): Promise<{ uploads: Upload[]; nextPageToken: string }>;
  /** Throws away uploads to which nothing came for too long. */
  expire(signal: AbortSignal): Promise<void>;
  /** Waits for the sessions that are open; the calls that have them must have ended. */
  close(): Promise<void>;
}

/** Uploads that are looked at between two looks into the store. */
const EXPIRE_AT_A_TIME = 100;

export function createUploadDirectory(deps: SessionDeps): UploadDirectory {
  const { store, cleanup, log, room, limits, now } = deps;
  // One at a time begins or ends an upload: who takes it over has waited for the last write of the one before.
  const lock = createKeyedLock();
  const live = new Map<string, UploadSession>();

  async function open(start: Start, { caller, signal }: Call): Promise<UploadSession> {
    const { uploadId } = start;
    // Before the stream that has it is ended: only who may take it over ends it.
    checkSameStart(await store.upload(uploadId), start, caller);
    await endSession(uploadId, uploadFenced(uploadId));
    throwIfAborted(signal);
    const session = await startUpload(deps, start, caller, signal);
    live.set(uploadId, session);
    detach(
      session.closed.then(() => {
        if (live.get(uploadId) === session) live.delete(uploadId);
      }),
    );
    // The call has gone while it was opened: nobody else would close it.
    if (signal.aborted) await session.close();
    return session;
  }

  async function endSession(uploadId: string, reason: Error): Promise<void> {
    const session = live.get(uploadId);
    session?.abort(reason);
    await session?.closed;
  }

  async function remove({ uploadId, epoch, fileId }: StoredUpload): Promise<void> {
    await store.write([{ kind: 'remove-upload', uploadId, epoch }]);
    room.release(uploadId);
    await cleanup.remove(fileId);
  }

  async function cancel(uploadId: string, caller: string): Promise<void> {
    const { blob } = await find(uploadId, caller);
    if (blob) throw uploadComplete(uploadId);
    await endSession(uploadId, uploadCancelled(uploadId));
    const upload = await store.upload(uploadId);
    if (upload) return remove(upload);
    throw (await store.blob(uploadId)) ? uploadComplete(uploadId) : uploadNotFound(uploadId);
  }

  async function find(uploadId: string, caller: string): Promise<FoundUpload> {
    // In this order: it may be finished in between.
    const upload = await store.upload(uploadId);
    if (upload?.author === caller) return { upload: partialUpload(upload), blob: undefined };
    const stored = await store.blob(uploadId);
    const blob = stored && decodeBlob(stored);
    if (blob?.author !== caller) throw uploadNotFound(uploadId);
    return { upload: completeUpload(blob), blob };
  }

  /** An open stream keeps its upload, also if nothing comes. */
  async function expireOne(uploadId: string): Promise<void> {
    const upload = await store.upload(uploadId);
    if (!upload || upload.expireTimeMs > now()) return;
    if (!live.has(uploadId)) return remove(upload);
    const { epoch, committedSize } = upload;
    const expireTimeMs = now() + limits.maxIdleMs;
    await store.write([{ kind: 'advance-upload', uploadId, epoch, committedSize, expireTimeMs }]);
  }

  /** True if there may be more. */
  async function expireSome(signal: AbortSignal): Promise<boolean> {
    const expired = await store.expiredUploads({ nowMs: now(), limit: EXPIRE_AT_A_TIME });
    let failures = 0;
    for (const { uploadId } of expired) {
      await lock
        .run(uploadId, signal, () => expireOne(uploadId))
        .catch((error: unknown) => {
          // Of the store or the disk: the next round tries again.
          if (!isDomainError(error)) throw error;
          if (failures++ === 0)
            log.warn({ uploadId, err: error }, 'cannot remove an expired upload, trying again later');
        });
    }
    return expired.length === EXPIRE_AT_A_TIME && failures === 0;
  }

  return {
    start: (start, call) => lock.run(start.uploadId, call.signal, () => open(start, call)),
    find,
    cancel: (uploadId, { caller, signal }) => lock.run(uploadId, signal, () => cancel(uploadId, caller)),
    async list({ limit, place, tokens }, caller) {
      const found = await store.listUploads({ author: caller, after: place?.key ?? '', limit: limit + 1 });
      const uploads = found.slice(0, limit).map(partialUpload);
      const last = found.length > limit ? uploads.at(-1) : undefined;
      return { uploads, nextPageToken: last ? tokens.encode({ offset: 0, key: last.uploadId }) : '' };
    },
    async expire(signal) {
      while (await expireSome(signal));
    },
    async close() {
      await Promise.all([...live.values()].map(({ closed }) => closed));
    },
  };
}

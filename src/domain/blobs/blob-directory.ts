import { throwIfAborted } from 'abort-controller-x';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import type { ByteStore } from '../../store/byte-store.js';
import type { StoredBlob } from '../../store/files.js';
import type { Store } from '../../store/store.js';
import { isDomainError } from '../errors.js';
import { checkSnapshot } from '../events/check-position.js';
import type { FileCleanup } from '../file-cleanup.js';
import { linkSignal } from '../linked-signal.js';
import { BLOBS_TOPIC } from '../topics/system-topics.js';
import type { FilesPage } from '../uploads/upload-requests.js';
import type { Call } from '../uploads/upload-directory.js';
import type { TokenPlace } from '../tokens.js';
import { type BlobBytes, shareOf } from './blob-download.js';
import { blobEtagMismatch, blobIsDeleted, blobNotFound } from './blob-errors.js';
import { blobDeleted, decodeBlob } from './blob-record.js';
import type { BlobRemoval } from './blob-requests.js';

/** A blob that is being read. */
export interface OpenBlob extends BlobBytes {
  /** Aborts when the call does, and when the blob is deleted; its reason is what the caller is told. */
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/** The blobs: what the rpcs of BlobService mean, on requests that are checked already. */
export interface BlobDirectory {
  /** Errors: `not-found` BLOB_NOT_FOUND. */
  find(blobId: string): Promise<Blob>;
  /** Must be closed. Errors: `not-found` BLOB_NOT_FOUND, `data-loss` STORE_DAMAGED. */
  open(blobId: string, signal: AbortSignal): Promise<OpenBlob>;
  list(page: FilesPage): Promise<{ blobs: Blob[]; nextPageToken: string; snapshot: TokenPlace }>;
  /**
   * Resolves to the offset of "blob.deleted"; 0 if there was no such blob and that is allowed.
   * Errors: `not-found` BLOB_NOT_FOUND, `conflict` ETAG_MISMATCH {etag}.
   */
  remove(removal: BlobRemoval, call: Call): Promise<number>;
}

export interface BlobDirectoryDeps {
  readonly store: Store;
  readonly bytes: ByteStore;
  readonly cleanup: FileCleanup;
}

export function createBlobDirectory({ store, bytes, cleanup }: BlobDirectoryDeps): BlobDirectory {
  /** Who reads which file, to be told when it goes. */
  const readers = new Map<string, Set<(reason: Error) => void>>();
  let downloads = 0;

  async function stored(blobId: string): Promise<StoredBlob> {
    const blob = await store.blob(blobId);
    if (!blob) throw blobNotFound(blobId);
    return blob;
  }

  async function open(blobId: string, callSignal: AbortSignal): Promise<OpenBlob> {
    const found = await stored(blobId);
    const link = linkSignal(callSignal);
    const stopWatching = watch(found.fileId, (reason) => link.abort(reason));
    downloads++;
    const end = () => {
      downloads--;
      stopWatching();
      link.end();
    };
    try {
      const checksums = await store.blobChecksums(found.fileId);
      if (!checksums) throw blobNotFound(blobId); // Deleted since it was found.
      const reader = await bytes.openReader(found.fileId);
      let closing: Promise<void> | undefined;
      return {
        blob: decodeBlob(found),
        reader,
        checksums,
        signal: link.signal,
        get share() {
          return shareOf(downloads);
        },
        close: () => (closing ??= reader.close().finally(end)),
      };
    } catch (error) {
      end();
      // If it is deleted, its file is not damaged but gone.
      throw (await store.fileOwner(found.fileId)) ? error : blobNotFound(blobId);
    }
  }

  function watch(fileId: string, tell: (reason: Error) => void): () => void {
    const told = readers.get(fileId) ?? new Set();
    readers.set(fileId, told.add(tell));
    return () => {
      told.delete(tell);
      if (told.size === 0 && readers.get(fileId) === told) readers.delete(fileId);
    };
  }

  async function removeAt(blob: StoredBlob, caller: string): Promise<number> {
    const { blobId, fileId, revision: expectedRevision } = blob;
    const announced = { topic: BLOBS_TOPIC, author: caller, event: blobDeleted(blobId) };
    const [removed] = await store.write([{ kind: 'remove-blob', blobId, expectedRevision, ...announced }]);
    for (const tell of readers.get(fileId) ?? []) tell(blobIsDeleted(blobId));
    await cleanup.remove(fileId);
    return removed.revision;
  }

  return {
    open,
    find: async (blobId) => decodeBlob(await stored(blobId)),
    async list({ limit, place, tokens }) {
      // Before the first blob is read: what changes from now on is in the log after this offset.
      const snapshot = await checkSnapshot(store, BLOBS_TOPIC, place);
      const found = await store.listBlobs({ after: place?.key ?? '', limit: limit + 1 });
      const blobs = found.slice(0, limit).map(decodeBlob);
      const last = found.length > limit ? blobs.at(-1) : undefined;
      const nextPageToken = last ? tokens.encode({ ...snapshot, key: last.blobId }) : '';
      return { blobs, nextPageToken, snapshot };
    },
    async remove({ blobId, etag, allowMissing }, { caller, signal }) {
      for (;;) {
        throwIfAborted(signal);
        const blob = await store.blob(blobId);
        if (!blob && allowMissing) return 0;
        if (!blob) throw blobNotFound(blobId);
        if (etag !== '' && etag !== `${blob.revision}`) throw blobEtagMismatch(blobId, blob.revision);
        try {
          return await removeAt(blob, caller);
        } catch (error) {
          // Another one has removed it, and perhaps made it anew: look again.
          if (!isDomainError(error) || error.reason !== 'REVISION_MISMATCH') throw error;
        }
      }
    },
  };
}

import type { Config } from '../config.js';
import { createBlobDirectory, type BlobDirectory } from '../domain/blobs/blob-directory.js';
import { repairFiles } from '../domain/repair-files.js';
import { createByteBudget } from '../domain/uploads/byte-budget.js';
import { createUploadDirectory, type UploadDirectory } from '../domain/uploads/upload-directory.js';
import type { ByteStore } from '../store/byte-store.js';
import { type FileByteStoreOptions, openFileByteStore } from '../store/bytes/index.js';
import type { Store } from '../store/store.js';
import { startExpiry } from './expiry.js';

/** Uploads and blobs, and what keeps them in order. */
export interface Files {
  readonly uploads: UploadDirectory;
  readonly blobs: BlobDirectory;
  readonly bytes: ByteStore;
  /** After the server is closed. Repeating it is harmless. */
  close(): Promise<void>;
}

export interface FilesDeps extends FileByteStoreOptions {
  readonly config: Config;
  readonly store: Store;
  /** Default: plain files. */
  readonly openBytes?: (options: FileByteStoreOptions) => Promise<ByteStore>;
}

/** What all uploads together may hold between socket and disk. */
const BUDGET_BYTES = 32 * 1024 * 1024;

/** Opens the files of a data directory whose store is open, and repairs what a crash left. */
export async function openFiles(deps: FilesDeps): Promise<Files> {
  const { config, store, openBytes = openFileByteStore, ...options } = deps;
  const bytes = await openBytes(options);
  try {
    await repairFiles(store, bytes);
  } catch (error) {
    await bytes.close();
    throw error;
  }
  const limits = {
    maxBytes: config.maxUploadSize,
    maxOpen: config.maxOpenUploads,
    maxIdleMs: config.uploadMaxIdle,
    minFreeBytes: config.minFreeDisk,
  };
  const uploads = createUploadDirectory({
    store,
    bytes,
    limits,
    budget: createByteBudget(BUDGET_BYTES),
    now: Date.now,
  });
  const stopExpiry = startExpiry(uploads, limits.maxIdleMs);
  return {
    uploads,
    blobs: createBlobDirectory({ store, bytes }),
    bytes,
    async close() {
      await stopExpiry();
      await uploads.close();
      await bytes.close();
    },
  };
}

import type { Config } from '../config.js';
import { createBlobDirectory, type BlobDirectory } from '../domain/blobs/blob-directory.js';
import { createFileCleanup } from '../domain/file-cleanup.js';
import { type Log, silentLog } from '../domain/log.js';
import { repairFiles } from '../domain/repair-files.js';
import { createByteBudget } from '../domain/uploads/byte-budget.js';
import { createDiskRoom } from '../domain/uploads/disk-room.js';
import { restoreReservations } from '../domain/uploads/restore-reservations.js';
import { createUploadDirectory, type UploadDirectory } from '../domain/uploads/upload-directory.js';
import type { ByteStore } from '../store/byte-store.js';
import { type FileByteStoreOptions, openFileByteStore } from '../store/bytes/index.js';
import { createDiskReserve } from '../store/sqlite/disk-reserve.js';
import { writeHeadroom } from '../store/sqlite/disk-space.js';
import { walBytes } from '../store/sqlite/schema.js';
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
  /** Default: reports nothing. */
  readonly log?: Log;
  /** Default: plain files. */
  readonly openBytes?: (options: FileByteStoreOptions) => Promise<ByteStore>;
}

/** What all uploads together may hold between socket and disk. */
const BUDGET_BYTES = 32 * 1024 * 1024;

/** Opens the files of a data directory whose store is open, and repairs what a crash left. */
export async function openFiles(deps: FilesDeps): Promise<Files> {
  const { config, store, log = silentLog, openBytes = openFileByteStore, ...options } = deps;
  const bytes = await openBytes(options);
  const cleanup = createFileCleanup({ bytes, log });
  const limits = {
    maxBytes: config.maxUploadSize,
    maxOpen: config.maxOpenUploads,
    maxIdleMs: config.uploadMaxIdle,
  };
  const reserve = createDiskReserve(options.dataDir, config.diskReserve);
  // What the store needs to make its reserve whole again is not for uploads.
  const freeBytes = async () => (await bytes.freeBytes()) - reserve.missing;
  const room = createDiskRoom({
    bytes: { freeBytes },
    // An upload that fills its reservation must still find room for the write that completes it.
    minFreeBytes: Math.max(config.minFreeDisk, writeHeadroom(reserve)),
    storeBytes: walBytes(reserve.bytes),
    maxIdleMs: config.uploadReservationIdle,
    now: Date.now,
  });
  try {
    await repairFiles({ store, bytes, cleanup, log });
    await restoreReservations(store, room, {
      uploadMaxIdleMs: limits.maxIdleMs,
      maxIdleMs: config.uploadReservationIdle,
      nowMs: Date.now(),
    });
  } catch (error) {
    await cleanup.close();
    await bytes.close();
    throw error;
  }
  const budget = createByteBudget(BUDGET_BYTES);
  const uploads = createUploadDirectory({ store, bytes, cleanup, log, limits, budget, room, now: Date.now });
  const stopExpiry = startExpiry(uploads, { maxIdleMs: limits.maxIdleMs, log, onFatal: options.onFatal ?? rethrow });
  return {
    uploads,
    blobs: createBlobDirectory({ store, bytes, cleanup }),
    bytes,
    async close() {
      await stopExpiry();
      await uploads.close();
      await cleanup.close();
      await bytes.close();
    },
  };
}

function rethrow(error: unknown): void {
  throw error;
}

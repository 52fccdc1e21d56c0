import type { Store } from '../../store/store.js';
import type { DiskRoom } from './disk-room.js';
import { decodeStart } from './upload-record.js';

/** Uploads whose reservations are restored; those beyond, which were idle the longest, are checked when they go on. */
const MAX_RESTORED = 10_000;

export interface RestoreOptions {
  /** After how much idle time an upload expires. Milliseconds. */
  readonly uploadMaxIdleMs: number;
  /** After how much idle time a reservation ends. Milliseconds. */
  readonly maxIdleMs: number;
  readonly nowMs: number;
}

/** Reserves again, after a restart, what uploads have announced that were active shortly before it. */
export async function restoreReservations(
  store: Store,
  room: DiskRoom,
  { uploadMaxIdleMs, maxIdleMs, nowMs }: RestoreOptions,
): Promise<void> {
  const expireAfterMs = nowMs + uploadMaxIdleMs - maxIdleMs;
  for (const upload of await store.activeUploads({ expireAfterMs, limit: MAX_RESTORED })) {
    const { uploadId, committedSize, expireTimeMs } = upload;
    const left = (decodeStart(upload).size ?? 0) - committedSize;
    // The time of its last byte, but never later than now: the configured times may have changed.
    if (left > 0) room.restore(uploadId, left, Math.min(expireTimeMs - uploadMaxIdleMs, nowMs));
  }
}

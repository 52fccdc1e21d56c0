import type { ByteStore } from '../../store/byte-store.js';
import { diskTooFull } from './upload-errors.js';

/**
 * The room on the disk for uploads. What an upload announced and has not written yet is reserved: others cannot take it.
 * A reservation ends with its upload, and when nothing was written for a while; an upload that goes on afterwards has
 * its room checked like one that announced nothing.
 */
export interface DiskRoom {
  /** Reserves `bytes` for the upload, instead of what it had. Errors: `exhausted` DISK_FULL. */
  reserve(uploadId: string, bytes: number): Promise<void>;
  /** The upload has written some, and has so many of its announced bytes left. Renews its reservation, if it has one. */
  written(uploadId: string, bytesLeft: number): void;
  release(uploadId: string): void;
  /** Reserves without a check what was reserved before a restart. `activeAtMs`: when something was last written. */
  restore(uploadId: string, bytes: number, activeAtMs: number): void;
  /** Bytes that the upload may still write, about; negative if it should not have written so many. */
  available(uploadId: string): Promise<number>;
}

export interface DiskRoomOptions {
  readonly bytes: Pick<ByteStore, 'freeBytes'>;
  /** What is left free on the disk. */
  readonly minFreeBytes: number;
  /** Of these, what the store itself may fill while an upload that has a reservation is written. Default: 0. */
  readonly storeBytes?: number;
  /** A reservation ends when nothing was written for so long. Milliseconds. */
  readonly maxIdleMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Reservation {
  bytes: number;
  activeAtMs: number;
}

export function createDiskRoom({ bytes, minFreeBytes, storeBytes = 0, maxIdleMs, now }: DiskRoomOptions): DiskRoom {
  const reservations = new Map<string, Reservation>();

  function reservedByOthers(uploadId: string): number {
    let sum = 0;
    for (const [id, { bytes: reserved, activeAtMs }] of reservations) {
      if (now() - activeAtMs > maxIdleMs) reservations.delete(id);
      else if (id !== uploadId) sum += reserved;
    }
    return sum;
  }

  return {
    async reserve(uploadId, needed) {
      const before = reservedByOthers(uploadId);
      const free = await bytes.freeBytes();
      // Nothing may come between this sum and the reservation. What others wrote while the disk was looked at is still
      // free in what was read, and no longer reserved.
      const available = free - minFreeBytes - Math.max(before, reservedByOthers(uploadId));
      if (available < needed) throw diskTooFull(uploadId, { needed, available });
      if (needed > 0) reservations.set(uploadId, { bytes: needed, activeAtMs: now() });
      else reservations.delete(uploadId);
    },
    written(uploadId, bytesLeft) {
      const reservation = reservations.get(uploadId);
      if (reservation) Object.assign(reservation, { bytes: bytesLeft, activeAtMs: now() });
    },
    release: (uploadId) => void reservations.delete(uploadId),
    restore: (uploadId, reserved, activeAtMs) => void reservations.set(uploadId, { bytes: reserved, activeAtMs }),
    async available(uploadId) {
      const free = (await bytes.freeBytes()) - minFreeBytes;
      const reserved = reservedByOthers(uploadId);
      // One with a reservation does not make up for what somebody else wrote to the disk: others keep theirs as it does.
      return reservations.has(uploadId) ? free + storeBytes : free - reserved;
    },
  };
}

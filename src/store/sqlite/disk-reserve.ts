import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';

/**
 * Of a small file system at most this part is reserved. Half of the reserve is what the WAL may hold before it is
 * written back (schema.ts), so that the reserve has room for that and for deletions.
 */
const MAX_PART = 1 / 8;
const BLOCK_BYTES = 64 * 1024;

/**
 * A file beside the database that takes up room on the disk, so that there is some to give back when the disk is full:
 * work that frees space needs a little space itself.
 */
export interface DiskReserve {
  /** Bytes that the file should have; it may have fewer on a full disk. */
  readonly bytes: number;
  /** Bytes that it lacks; 0: it is whole. */
  readonly missing: number;
  /** Lets it grow by at most so many bytes, as far as there is room. */
  grow(bytes: number): void;
  /** Gives its room back. */
  release(): void;
  /** Bytes that are free on the disk. */
  free(): number;
}

/** `bytes`: as configured. */
export function createDiskReserve(dataDir: string, bytes: number): DiskReserve {
  const file = path.join(dataDir, 'leat.reserve');
  const size = reserveSize(dataDir, bytes);
  const present = () => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

  function append(from: number, to: number): void {
    // What is random takes up room on file systems that compress, too.
    const block = randomBytes(BLOCK_BYTES);
    const descriptor = openSync(file, 'a', 0o600);
    try {
      for (let at = from; at < to;) at += writeSync(descriptor, block, 0, Math.min(BLOCK_BYTES, to - at));
    } finally {
      closeSync(descriptor);
    }
  }

  return {
    bytes: size,
    get missing() {
      return Math.max(size - present(), 0);
    },
    grow(more) {
      const from = present();
      try {
        append(from, Math.min(from + more, size));
      } catch {
        // Full, or not to be written to: what is there counts, and whoever writes meets the same and is told.
      }
    },
    release: () => rmSync(file, { force: true }),
    free: () => freeBytes(dataDir),
  };
}

/** The configured reserve, or less on a small file system. */
export function reserveSize(dataDir: string, bytes: number): number {
  const { blocks, bsize } = statfsSync(dataDir);
  return Math.min(bytes, Math.floor(blocks * bsize * MAX_PART));
}

export function freeBytes(dataDir: string): number {
  const { bavail, bsize } = statfsSync(dataDir);
  return bavail * bsize;
}

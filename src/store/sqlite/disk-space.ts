import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { changeSize } from './owned-change.js';
import type { DiskReserve } from './disk-reserve.js';
import { walBytes } from './schema.js';
import { sqliteCode } from './sqlite-errors.js';
import type { Unit } from './transactions.js';

/** What a commit takes beside the bytes of its changes: rows, index pages, the frames of the WAL. */
const COMMIT_BYTES = 512 * 1024;
/**
 * Bytes that must be free for an ordinary write to be served, at most: the WAL may grow to its limit, and the database
 * by as much when it is written back. The reserve comes on top.
 */
export function writeHeadroom(reserve: Pick<DiskReserve, 'bytes'>): number {
  return 2 * walBytes(reserve.bytes) + COMMIT_BYTES;
}

/** With so much room nothing is measured more closely. */
const PLENTY_BYTES = 256 * 1024 * 1024;

/**
 * Keeps so much of the disk free that work which frees space can go on when the disk is full. Ordinary writes are refused
 * while that room is not there; what frees space may use it, and the reserve too.
 */
export type DiskSpace = ReturnType<typeof createDiskSpace>;

export function createDiskSpace(db: Database, reserve: DiskReserve) {
  let hasRefused = false;

  /** Bytes by which the database file grows when the WAL is written back to it. */
  function growth(): number {
    const pages = db.pragma('page_count', { simple: true }) as number;
    const pageSize = db.pragma('page_size', { simple: true }) as number;
    return Math.max(pages * pageSize - (statSync(db.name, { throwIfNoEntry: false })?.size ?? 0), 0);
  }

  /** Bytes by which the WAL may still grow until it is written back. */
  function walGrowth(): number {
    const size = statSync(`${db.name}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    return Math.max(walBytes(reserve.bytes) - size, 0);
  }

  /** Writes the WAL back and cuts it off, as far as there is room: what it held then belongs to the disk again. */
  function checkpoint(): void {
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
    } catch (error) {
      // No room for it. The WAL stays as it is, and grows into what is left.
      if (sqliteCode(error) === '') throw error;
    }
  }

  /** Bytes that stay free after the WAL is written back and one more commit is made. */
  const spare = () => reserve.free() - growth() - COMMIT_BYTES;

  /**
   * Counts the growth of the WAL: work that frees space fills it first, and would otherwise use room that an ordinary
   * write was just admitted to, so that the next one is refused.
   */
  function hasRoom(bytes: number): boolean {
    const { missing } = reserve;
    if (missing === 0 && reserve.free() - bytes > PLENTY_BYTES) return true;
    return spare() - walGrowth() - missing >= bytes;
  }

  return {
    /** Whether units that do not free space may be written now. */
    admits(units: readonly Unit[]): boolean {
      const bytes = units.flatMap(({ changes }) => changes).reduce((sum, change) => sum + changeSize(change), 0);
      hasRefused = !hasRoom(bytes);
      return !hasRefused;
    },

    /** A write that was admitted did not fit. */
    foundFull(): void {
      hasRefused = true;
    },

    /** Gives the reserve to work that found the disk full. False if there was none. */
    release(): boolean {
      if (reserve.missing === reserve.bytes) return false;
      reserve.release();
      checkpoint();
      return true;
    },

    /** True while there is too little room for ordinary writes. */
    get isTight(): boolean {
      return hasRefused || reserve.missing > 0;
    },

    /** Gives back what can be given back, and makes the reserve whole again, as far as there is room for it. */
    recover(): void {
      if (this.isTight) checkpoint();
      // A part of it is better than none: what is free may be taken by others at any time.
      if (reserve.missing > 0) reserve.grow(spare());
      if (hasRefused && reserve.missing === 0) hasRefused = !hasRoom(0);
    },
  };
}

/** Whether a unit frees space, or is the end of something that does; it may use the reserve. */
export function freesSpace({ changes }: Unit): boolean {
  return changes.every(({ kind }) => FREEING.has(kind));
}

/** `advance-upload` is among them because an upload that meets a full disk has to say what of it is durable. */
const FREEING: ReadonlySet<string> = new Set([
  'trim-topic',
  'delete-topic',
  'set-retention',
  'remove-user',
  'remove-upload',
  'remove-blob',
  'advance-upload',
]);

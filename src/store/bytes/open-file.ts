import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, readSync, writevSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ByteDigest } from '../byte-store.js';
import { bytesMissing, byteStoreClosed, fileCode } from './byte-errors.js';
import type { DirectorySync } from './directory-sync.js';
import type { Limiter } from './limiter.js';
import { RunningDigest } from './running-digest.js';

/** Bytes that are read and hashed in one turn of the event loop, between which other files are served. */
const CATCH_UP_BYTES = 512 * 1024;

const syncData = promisify(fdatasync);

/** What all files of one directory have in common. */
export interface SharedByFiles {
  readonly path: string;
  readonly directory: DirectorySync;
  /** Of their syncs. */
  readonly syncs: Limiter;
}

/**
 * One file that is being written, in the worker's thread. Written and hashed at once; what was there before it was
 * opened is read and hashed meanwhile, and until that has caught up, so is what is written.
 */
export class OpenFile {
  private readonly digester = new RunningDigest();
  private catchingUp: Promise<void> | undefined;
  private syncing: Promise<unknown> = Promise.resolve();
  private isClosed = false;
  /** Nothing is written behind a gap. */
  private writeError: Error | undefined;
  /** The system may have dropped what it could not sync, and tells that only once. */
  private syncError: Error | undefined;

  private constructor(
    private readonly fileId: string,
    private readonly descriptor: number,
    private size: number,
    private readonly shared: SharedByFiles,
  ) {
    if (size > 0) this.startCatchingUp();
  }

  static open(fileId: string, size: number, shared: SharedByFiles): OpenFile {
    const descriptor = openOrMake(`${shared.path}/${fileId}`, shared.directory);
    try {
      const found = fstatSync(descriptor).size;
      if (found < size) throw bytesMissing(fileId);
      if (found > size) ftruncateSync(descriptor, size);
      return new OpenFile(fileId, descriptor, size, shared);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  write(pieces: readonly Uint8Array[]): void {
    if (this.writeError) throw this.writeError;
    const start = this.size;
    try {
      writeAll(this.descriptor, pieces, start);
    } catch (error) {
      this.writeError = error as Error;
      throw error;
    }
    this.size += pieces.reduce((sum, { length }) => sum + length, 0);
    if (this.digester.size === start) pieces.forEach((piece) => this.digester.update(piece));
    else this.startCatchingUp();
  }

  isSame(offset: number, bytes: Uint8Array): boolean {
    if (offset + bytes.length > this.size) return false;
    const there = Buffer.allocUnsafe(bytes.length);
    this.read(there, offset);
    return there.equals(bytes);
  }

  /** A new file is in its directory for good before anything in it counts. */
  sync(): Promise<void> {
    const synced = this.shared.syncs.run(() => this.syncOnce());
    this.syncing = Promise.allSettled([this.syncing, synced]);
    return synced;
  }

  private async syncOnce(): Promise<void> {
    if (this.syncError) throw this.syncError;
    try {
      await this.shared.directory.done();
      await syncData(this.descriptor);
    } catch (error) {
      throw (this.syncError = error as Error);
    }
  }

  async digest(): Promise<ByteDigest> {
    if (this.digester.size < this.size) this.startCatchingUp();
    await this.catchingUp;
    if (this.digester.size < this.size) throw byteStoreClosed();
    return this.digester.finish();
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    // How they end is told to those who asked.
    await Promise.allSettled([this.catchingUp, this.syncing]);
    closeSync(this.descriptor);
  }

  private read(target: Buffer, position: number): void {
    for (let at = 0; at < target.length;) {
      const count = readSync(this.descriptor, target, at, target.length - at, position + at);
      if (count === 0) throw bytesMissing(this.fileId);
      at += count;
    }
  }

  private startCatchingUp(): void {
    if (this.catchingUp) return;
    this.catchingUp = this.catchUp().finally(() => (this.catchingUp = undefined));
    this.catchingUp.catch(() => undefined);
  }

  private async catchUp(): Promise<void> {
    const buffer = Buffer.allocUnsafeSlow(CATCH_UP_BYTES);
    while (this.digester.size < this.size && !this.isClosed) {
      await nextTurn();
      const part = buffer.subarray(0, Math.min(this.size - this.digester.size, CATCH_UP_BYTES));
      this.read(part, this.digester.size);
      this.digester.update(part);
    }
  }
}

function openOrMake(file: string, directory: DirectorySync): number {
  try {
    return openSync(file, 'r+');
  } catch (error) {
    if (fileCode(error) !== 'ENOENT') throw error;
  }
  const descriptor = openSync(file, 'wx+', 0o600);
  directory.created();
  return descriptor;
}

function writeAll(descriptor: number, pieces: readonly Uint8Array[], position: number): void {
  let left = pieces;
  let at = position;
  while (left.length > 0) {
    const written = writevSync(descriptor, left, at);
    at += written;
    left = skip(left, written);
  }
}

/** What is left of the pieces behind their first `count` bytes. */
function skip(pieces: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let rest = count;
  const index = pieces.findIndex(({ length }) => (rest -= length) < 0);
  const [first, ...others] = index < 0 ? [] : pieces.slice(index);
  return first ? [first.subarray(first.length + rest), ...others] : [];
}

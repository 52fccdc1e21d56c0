import { closeSync, fdatasync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writevSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ByteDigest } from '../byte-store.js';
import { bytesMissing, fileCode } from './byte-errors.js';
import type { Limiter } from './limiter.js';
import { RunningDigest } from './running-digest.js';

/** Bytes that are read and hashed in one turn of the event loop, between which other files are served. */
const CATCH_UP_BYTES = 512 * 1024;

const syncData = promisify(fdatasync);

/**
 * One file that is being written, in the worker's thread. Written and hashed at once; what was there before it was
 * opened is read and hashed meanwhile, and until that has caught up, so is what is written.
 */
export class OpenFile {
  private readonly digester = new RunningDigest();
  private catchingUp: Promise<void> | undefined;
  private isClosed = false;
  /** Nothing is written behind a gap. */
  private writeError: Error | undefined;

  private constructor(
    private readonly descriptor: number,
    private size: number,
    private readonly syncs: Limiter,
  ) {
    if (size > 0) this.startCatchingUp();
  }

  static open(directory: string, fileId: string, size: number, syncs: Limiter): OpenFile {
    const descriptor = openOrMake(directory, fileId);
    try {
      const found = fstatSync(descriptor).size;
      if (found < size) throw bytesMissing(fileId);
      if (found > size) ftruncateSync(descriptor, size);
      return new OpenFile(descriptor, size, syncs);
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
    readAll(this.descriptor, there, offset);
    return there.equals(bytes);
  }

  sync(): Promise<void> {
    return this.syncs.run(() => syncData(this.descriptor));
  }

  async digest(): Promise<ByteDigest> {
    await this.catchingUp;
    return this.digester.finish();
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.catchingUp?.catch(() => undefined); // Told to who asked for the digest.
    closeSync(this.descriptor);
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
      readAll(this.descriptor, part, this.digester.size);
      this.digester.update(part);
    }
  }
}

/** A new file is in its directory for good before anything in it counts. */
function openOrMake(directory: string, fileId: string): number {
  const file = `${directory}/${fileId}`;
  try {
    return openSync(file, 'r+');
  } catch (error) {
    if (fileCode(error) !== 'ENOENT') throw error;
  }
  const descriptor = openSync(file, 'wx+', 0o600);
  syncDirectory(directory);
  return descriptor;
}

/** Makes what was created or removed in it survive a crash of the machine. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
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

function readAll(descriptor: number, target: Buffer, position: number): void {
  for (let at = 0; at < target.length;) {
    const count = readSync(descriptor, target, at, target.length - at, position + at);
    if (count === 0) throw new Error(`a file ends at ${position + at}, before what was written to it`);
    at += count;
  }
}

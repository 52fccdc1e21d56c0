import { constants } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import type { FileDigest } from '../file-digest.js';
import { hashFile } from './hash-file.js';

/** What is not whole yet is beside the file, under its name and ".part". */
export const partOf = (file: string) => `${file}.part`;

/** A file that becomes another one when it is whole. */
export interface PartFile {
  /** Hashes what an earlier run left, if that is at most so many bytes; throws it away otherwise. */
  keep(maxBytes: number, digest: FileDigest, signal: AbortSignal): Promise<void>;
  /** Throws away what there is. */
  clear(): Promise<void>;
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Puts it on disk, and in the place of the other. */
  complete(): Promise<void>;
  /** Repeating it is harmless. */
  close(): Promise<void>;
}

/** FILE.part, for FILE; made if it is not there. */
export async function openPartFile(file: string): Promise<PartFile> {
  const part = partOf(file);
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT);
  return {
    async keep(maxBytes, digest, signal) {
      const { size } = await handle.stat();
      if (size <= maxBytes) await hashFile(handle, digest, signal);
      else await handle.truncate(0);
    },
    clear: () => handle.truncate(0),
    write: (bytes, position) => writeAll(handle, bytes, position),
    async complete() {
      await handle.sync();
      await handle.close();
      await rename(part, file);
    },
    close: () => handle.close(),
  };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

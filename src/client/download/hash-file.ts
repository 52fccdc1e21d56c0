import type { FileHandle } from 'node:fs/promises';
import { throwIfAborted } from 'abort-controller-x';
import type { FileDigest } from '../file-digest.js';

const READ_BYTES = 1 << 20;

/** Adds the content of a file to a digest that is empty. */
export function hashFile(handle: FileHandle, digest: FileDigest, signal: AbortSignal): Promise<void> {
  return eachPiece(handle, signal, async (bytes, position) => digest.add(position, bytes));
}

/** Appends the content of a file to an empty file, and to a digest that is empty. */
export function copyFile(from: FileHandle, to: FileHandle, digest: FileDigest, signal: AbortSignal): Promise<void> {
  return eachPiece(from, signal, async (bytes, position) => {
    digest.add(position, bytes);
    await writeFully(to, bytes, position);
  });
}

/** Writes all of the bytes, in as many steps as the system takes. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** Reads a file from its beginning to its end; the bytes are valid until `take` resolves. */
async function eachPiece(
  handle: FileHandle,
  signal: AbortSignal,
  take: (bytes: Uint8Array, position: number) => Promise<void>,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let position = 0; ;) {
    throwIfAborted(signal);
    const { bytesRead } = await handle.read({ buffer, position });
    if (bytesRead === 0) return;
    await take(buffer.subarray(0, bytesRead), position);
    position += bytesRead;
  }
}

import type { FileHandle } from 'node:fs/promises';
import { throwIfAborted } from 'abort-controller-x';
import type { FileDigest } from '../file-digest.js';

const READ_BYTES = 1 << 20;

/** Adds what a file has, from its beginning on, to a digest that is empty. */
export async function hashFile(handle: FileHandle, digest: FileDigest, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (;;) {
    throwIfAborted(signal);
    const { bytesRead } = await handle.read({ buffer, position: digest.length });
    if (bytesRead === 0) return;
    digest.add(digest.length, buffer.subarray(0, bytesRead));
  }
}

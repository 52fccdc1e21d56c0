import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/**
 * The stats of a regular file that ends where its size says; undefined if it does not. Returns new ones if the size has
 * changed since `before`: a file that is being written is an ordinary file, and its size is true.
 */
export async function trueStats(handle: FileHandle, before: BigIntStats): Promise<BigIntStats | undefined> {
  if (await hasTrueSize(handle, Number(before.size))) return before;
  const now = await handle.stat({ bigint: true });
  return now.size === before.size ? undefined : now;
}

/**
 * Whether a file ends where its size says. What is read decides: files of /proc have content and the size 0, files of
 * /sys have the size 4096 and less content.
 */
export async function hasTrueSize(handle: FileHandle, size: number): Promise<boolean> {
  if (size > 0 && (await isEnd(handle, size - 1))) return false;
  return isEnd(handle, size);
}

async function isEnd(handle: FileHandle, position: number): Promise<boolean> {
  try {
    const { bytesRead } = await handle.read({ buffer: Buffer.allocUnsafe(1), position });
    return bytesRead === 0;
  } catch (error) {
    // Some can only be read from front to back.
    if ((error as NodeJS.ErrnoException).code === 'ESPIPE') return false;
    throw error;
  }
}

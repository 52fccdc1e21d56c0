import { open } from 'node:fs/promises';
import { Status } from 'nice-grpc';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import { createFileDigest } from '../file-digest.js';
import { clientReasons, LeatError } from '../leat-error.js';
import { hashFile } from './hash-file.js';

/**
 * Whether the file is there and has exactly the bytes of the blob; false if it is not there, or is another one that may
 * be replaced. Throws TARGET_EXISTS if it may not, and for what is no file. Without a blob nothing is the same.
 */
export async function isThere(
  file: string,
  blob: Blob | undefined,
  mayReplace: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const handle = await open(file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return false;
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw targetExists(`${file} is no file; write to it as a stream`);
    if (blob?.size === BigInt(stats.size)) {
      const digest = createFileDigest();
      await hashFile(handle, digest, signal);
      if (digest.value().equals(blob.sha256)) return true;
    }
    if (!mayReplace) throw targetExists(`${file} is there already, and has other bytes; choose another name`);
    return false;
  } finally {
    await handle.close();
  }
}

function targetExists(what: string): LeatError {
  return new LeatError(what, { code: Status.ALREADY_EXISTS, reason: clientReasons.targetExists });
}

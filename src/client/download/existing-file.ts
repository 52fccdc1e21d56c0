import { constants, type Stats } from 'node:fs';
import { lstat, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { Status } from 'nice-grpc';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import { createFileDigest } from '../file-digest.js';
import { clientReasons, LeatError } from '../leat-error.js';
import { hashFile } from './hash-file.js';

/**
 * Whether the file exists and has exactly the bytes of the blob; false if it does not exist, or is another one that may
 * be replaced. Throws TARGET_EXISTS if it may not, and TARGET_NOT_A_FILE. Without a blob nothing is the same.
 */
export async function isThere(
  file: string,
  blob: Blob | undefined,
  mayReplace: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  if (!(await checkTarget(file))) {
    // A link to nothing is somebody's, too.
    if (!mayReplace && (await statsOf(file, lstat)) !== undefined) {
      throw targetExists(`${file} is a symbolic link to a file that does not exist; choose another name`);
    }
    return false;
  }
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw targetIsNoFile(file, stats);
    if (blob?.size === BigInt(stats.size)) {
      const digest = createFileDigest();
      await hashFile(handle, digest, signal);
      if (digest.value().equals(blob.sha256)) return true;
    }
    if (!mayReplace) throw targetExists(`${file} exists and has other bytes; choose another name`);
    return false;
  } finally {
    await handle.close();
  }
}

/** Whether the target exists. Throws TARGET_NOT_A_FILE for what can never become a file of ours. Opens nothing. */
export async function checkTarget(file: string): Promise<boolean> {
  if (file === '') throw notAFile('the name of the target is empty; give the path of a file');
  const stats = await statsOf(file, stat);
  if (stats !== undefined && !stats.isFile()) throw targetIsNoFile(file, stats);
  if (file.endsWith('/') || file.endsWith(path.sep)) {
    throw notAFile(`${file} is not a directory; create it, or give the path of a file`);
  }
  return stats !== undefined;
}

/** A word for what is neither a file nor nothing: reading it may block, and it must not be replaced. */
export function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return 'a device';
  return 'not a regular file';
}

/** Undefined if it does not exist. */
async function statsOf(file: string, look: (file: string) => Promise<Stats>): Promise<Stats | undefined> {
  return look(file).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || (code === 'ENOTDIR' && file.endsWith('/'))) return undefined;
    throw error;
  });
}

function targetIsNoFile(file: string, stats: Stats): LeatError {
  const instead = stats.isDirectory() ? 'give the path of a file' : 'give the path of a file, or a stream';
  return notAFile(`${file} is ${kindOf(stats)}; ${instead}`);
}

function notAFile(what: string): LeatError {
  return new LeatError(what, { code: Status.FAILED_PRECONDITION, reason: clientReasons.targetNotAFile });
}

function targetExists(what: string): LeatError {
  return new LeatError(what, { code: Status.ALREADY_EXISTS, reason: clientReasons.targetExists });
}

import { constants } from 'node:fs';
import { link, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { createFileDigest, type FileDigest } from '../file-digest.js';
import { copyFile, hashFile, writeFully } from './hash-file.js';
import { removePart, type FoundPart, type PartNames } from './part-names.js';

/**
 * The bytes of a download until they are complete, in a file that only this download opens for writing. No lock is
 * needed for that: the file is created exclusively under a random name. The bytes of another download, which may be dead
 * or only stopped, are copied; a file that its download has closed is taken over by renaming it, which only one can.
 */
export interface PartFile {
  /**
   * Takes over what earlier downloads of the same blob left, if that is at most `maxBytes`. Resolves with the digest of
   * these bytes, of which there may be none.
   */
  resume(maxBytes: number, signal: AbortSignal): Promise<FileDigest>;
  /** Drops all bytes. */
  clear(): Promise<void>;
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Makes the bytes durable. */
  sync(): Promise<void>;
  /** Gives the file the name of the target. Throws EEXIST if that exists and must not be replaced. */
  moveTo(file: string, mayReplace: boolean): Promise<void>;
  /** Puts a copy of the bytes under a fresh name, after somebody removed the file. */
  renew(signal: AbortSignal): Promise<void>;
  /** Leaves the bytes for the next download if `keep` is true, otherwise nothing. Repeating it is harmless. */
  close(keep: boolean): Promise<void>;
}

const CREATE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const REOPEN = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What link(2) fails with on file systems that have no hard links. */
const NO_LINKS: readonly (string | undefined)[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];
const NO_SPACE: readonly (string | undefined)[] = ['ENOSPC', 'EDQUOT'];

export async function createPartFile(names: PartNames): Promise<PartFile> {
  let part = names.fresh();
  let handle = await open(part, CREATE);
  let isClosed = false;

  async function replaceHandle(next: FileHandle): Promise<void> {
    const old = handle;
    handle = next;
    await old.close();
  }

  /** Only one download can rename the file, and its former one has no open handle any more. */
  async function takeOver({ path }: FoundPart, signal: AbortSignal): Promise<FileDigest> {
    const digest = createFileDigest();
    const next = names.fresh();
    if (!(await isRenamed(path, next))) return digest;
    const taken = await open(next, REOPEN).catch(() => undefined); // Somebody may have removed it just now.
    const stats = await taken?.stat();
    // A file with a second name may be somebody else's.
    if (taken === undefined || stats?.isFile() !== true || stats.nlink !== 1) {
      await taken?.close();
      await removePart(next);
      return digest;
    }
    await removePart(part);
    part = next;
    await replaceHandle(taken);
    await hashFile(handle, digest, signal);
    return digest;
  }

  async function copyOf({ path }: FoundPart, signal: AbortSignal): Promise<FileDigest> {
    const source = await open(path, READ).catch(() => undefined); // Its download may have ended just now.
    if (source === undefined) return createFileDigest();
    const digest = createFileDigest();
    try {
      if ((await source.stat()).isFile()) await copyFile(source, handle, digest, signal);
    } catch (error) {
      if (!NO_SPACE.includes(codeOf(error))) throw error;
      // There is no room for both: the bytes have to come again.
      await handle.truncate(0);
      return createFileDigest();
    } finally {
      await source.close();
    }
    return digest;
  }

  async function linkTo(file: string): Promise<void> {
    try {
      await link(part, file);
    } catch (error) {
      if (!NO_LINKS.includes(codeOf(error))) throw error;
      await reserveAndRename(part, file);
    }
  }

  return {
    async resume(maxBytes, signal) {
      const found = (await names.find(part)).sort((a, b) => b.size - a.size);
      const best = found.find(({ size }) => size > 0 && size <= maxBytes);
      // At most one besides our own file is kept, however often downloads are killed.
      await Promise.all(found.filter((each) => each !== best).map(({ path }) => removePart(path)));
      if (best === undefined) return createFileDigest();
      const digest = await (best.isReleased ? takeOver(best, signal) : copyOf(best, signal));
      if (!best.isReleased) await removePart(best.path);
      if (digest.length <= maxBytes) return digest;
      await handle.truncate(0);
      return createFileDigest();
    },
    clear: () => handle.truncate(0),
    write: (bytes, position) => writeFully(handle, bytes, position),
    sync: () => handle.sync(),
    moveTo: (file, mayReplace) => (mayReplace ? rename(part, file) : linkTo(file)),
    async renew(signal) {
      const next = names.fresh();
      const copy = await open(next, CREATE);
      try {
        await copyFile(handle, copy, createFileDigest(), signal);
        await copy.sync();
      } catch (error) {
        await copy.close();
        await removePart(next);
        throw error;
      }
      part = next;
      await replaceHandle(copy);
    },
    async close(keep) {
      if (isClosed) return;
      isClosed = true;
      const { size } = await handle.stat();
      await handle.close();
      if (!keep || size === 0) return removePart(part);
      // If somebody removed it there is nothing to keep.
      await rename(part, names.released(part)).catch(() => undefined);
    },
  };
}

/** False if the file is gone: another download took it. */
async function isRenamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** An empty file takes the name first, so that nothing is replaced that somebody else puts there. */
export async function reserveAndRename(part: string, file: string): Promise<void> {
  await (await open(file, 'wx')).close();
  try {
    await rename(part, file);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

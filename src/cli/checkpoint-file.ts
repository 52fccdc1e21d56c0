import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { parseCheckpoint } from '../client/follow/checkpoint.js';
import type { CheckpointStore } from '../client/index.js';
import { CliError, exitCodes, messageOf, usageError } from './cli-error.js';

export interface CheckpointFile extends CheckpointStore {
  /** Why the last save failed, if it did, in words for the user. */
  readonly failure: CliError | undefined;
}

/**
 * A checkpoint in a file: one line, replaced as a whole, so that a crash leaves the old one or the new one.
 * A file that is not there is a beginning. Throws CliError for one that cannot be read or saved, or is no checkpoint.
 */
export async function openCheckpointFile(file: string): Promise<CheckpointFile> {
  const loaded = await load(file);
  // Another process that saves to the same file must not write into our half.
  const temporary = `${file}.${process.pid}.tmp`;
  let failure: CliError | undefined;
  const attempt = async (save: () => Promise<void>) => {
    try {
      await save();
    } catch (error) {
      failure = new CliError(`cannot save the checkpoint: ${messageOf(error)}`, exitCodes.failed);
      await rm(temporary, { force: true }).catch(() => undefined); // The first failure is the one to tell.
      throw failure;
    }
  };
  // If it cannot be saved, nothing is printed: every further run would print the same events again.
  await attempt(async () => {
    await writeFile(temporary, '');
    await rm(temporary);
  });
  return {
    load: () => loaded,
    get failure() {
      return failure;
    },
    save: (checkpoint) =>
      attempt(async () => {
        await writeFile(temporary, `${checkpoint}\n`, { flush: true });
        await rename(temporary, file);
      }),
  };
}

async function load(file: string): Promise<string | undefined> {
  const stats = await stat(file).catch(() => undefined); // Reading it reports the error.
  if (stats !== undefined && !stats.isFile()) {
    throw usageError(`${file} is not a regular file; name another file for the checkpoint`);
  }
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw usageError(`cannot read the checkpoint: ${messageOf(error)}`);
  });
  if (text === undefined) return undefined;
  // An editor may have added a byte order mark, or changed the line feed.
  const checkpoint = text.replace(/^\ufeff/, '').replace(/\r?\n$/, '');
  try {
    parseCheckpoint(checkpoint);
  } catch {
    // It fails for one reason only, and does not know the file.
    throw usageError(`${file} is not a checkpoint of "leat tail"; name another file, or remove it to begin anew`);
  }
  return checkpoint;
}

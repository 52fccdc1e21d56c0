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
  const replace = async (text: string | undefined) => {
    try {
      await writeFile(temporary, text ?? '', { flush: text !== undefined });
      await (text === undefined ? rm(temporary) : rename(temporary, file));
    } catch (error) {
      failure = new CliError(`cannot save the checkpoint: ${messageOf(error)}`, exitCodes.failed);
      await rm(temporary, { force: true }).catch(() => undefined); // The first failure is the one to tell.
      throw failure;
    }
  };
  // Otherwise all events are printed first, and printed again by every further run.
  await replace(undefined);
  return {
    load: () => loaded,
    get failure() {
      return failure;
    },
    save: (checkpoint) => replace(`${checkpoint}\n`),
  };
}

async function load(file: string): Promise<string | undefined> {
  const stats = await stat(file).catch(() => undefined); // What is wrong with it, reading reports.
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

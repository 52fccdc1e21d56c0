import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Blob } from '../../gen/leat/v1/blob.js';
import { kindOf } from '../client/download/existing-file.js';
import { usageError } from './cli-error.js';

/** The value of --output that means the standard output. */
export const isStandardOutput = (output: string | undefined) => output === '-' || output === '/dev/stdout';

/** Throws wrong usage for an --output that cannot become a file. Opens nothing: reading a named pipe would block. */
export async function checkOutput(output: string | undefined): Promise<void> {
  if (output === undefined) return;
  const stats = await statsOf(output);
  if (stats?.isDirectory() === true) return;
  if (stats !== undefined && !stats.isFile()) throw notAFile(output, stats);
  if (output.endsWith('/') || output.endsWith(path.sep)) {
    throw usageError(`${output} is not a directory; create it, or give the name of a file`);
  }
  const folder = path.dirname(output);
  const parent = await statsOf(folder);
  if (parent === undefined) throw usageError(`cannot write ${output}: there is no directory ${folder}; create it`);
  if (!parent.isDirectory()) throw usageError(`cannot write ${output}: ${folder} is not a directory`);
}

/** The file to write: what the user says, in it if that is a folder, or else a file of the blob's name right here. */
export async function findTarget(blob: Blob, output: string | undefined): Promise<string> {
  const name = fileNameOf(blob);
  const stats = output === undefined ? undefined : await statsOf(output);
  const file = stats?.isDirectory() === true ? path.join(output ?? '', name) : (output ?? name);
  const existing = await statsOf(file);
  if (existing !== undefined && !existing.isFile()) throw notAFile(file, existing);
  return file;
}

function notAFile(file: string, stats: Stats): Error {
  const instead = stats.isDirectory() ? 'give another name with -o' : `to write to it use -o - > ${file}`;
  return usageError(`${file} is ${kindOf(stats)}, not a file; ${instead}`);
}

/** Undefined for what does not exist or cannot be looked at: creating the file will say what is wrong. */
function statsOf(file: string): Promise<Stats | undefined> {
  return stat(file).catch(() => undefined);
}

/** Names are given by strangers: no folders, nothing hidden, nothing that a terminal or a file system takes amiss. */
export function fileNameOf({ blobId, name }: Pick<Blob, 'blobId' | 'name'>): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  const safe = last.replace(/[\u0000-\u001f\u007f-\u009f:*?"<>|]/g, '_').replace(/^\.+/, '');
  return safe === '' || Buffer.byteLength(safe) > 240 ? blobId : safe;
}

import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { access, constants, open, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import type { UploadSource } from '../client/index.js';
import { trueStats } from '../client/upload/true-size.js';
import { messageOf, usageError } from './cli-error.js';
import { mediaTypeOf } from './media-type.js';
import { openInput } from './open-input.js';
import type { Terminal } from './session.js';

/** One file of the command line. */
export interface UploadInput {
  /** As the user calls it. */
  readonly file: string;
  readonly name: string;
  readonly contentType: string;
  /** The same for the same file as long as it is not changed. Undefined for what comes only once. */
  readonly uploadId: string | undefined;
  readonly size: number | undefined;
  open(): Promise<UploadSource>;
}

export interface InputOptions {
  readonly name?: string;
  readonly type?: string;
  readonly id?: string;
}

/** Looks at a file before anything is sent. Throws wrong usage for what cannot be uploaded. */
export async function findInput(file: string, options: InputOptions, { stdin }: Terminal): Promise<UploadInput> {
  const name = options.name ?? (file === '-' ? 'stdin' : path.basename(file));
  const common = { file, name, contentType: options.type ?? mediaTypeOf(name) };
  if (file === '-') {
    return { ...common, uploadId: options.id, size: undefined, open: () => Promise.resolve(stdin) };
  }
  const found = await look(file);
  const stats = found.isFile() ? await statsOfContent(file, found) : undefined;
  if (stats === undefined) {
    return { ...common, uploadId: options.id, size: undefined, open: () => openInput(file) };
  }
  const uploadId = options.id ?? idOf(path.resolve(file), stats, common);
  return { ...common, uploadId, size: Number(stats.size), open: () => Promise.resolve(file) };
}

async function look(file: string): Promise<BigIntStats> {
  try {
    await access(file, constants.R_OK);
    const stats = await stat(file, { bigint: true });
    if (stats.isSocket()) throw new Error('it is a socket');
    if (!stats.isDirectory()) return stats;
  } catch (error) {
    throw usageError(`cannot read ${file}: ${messageOf(error)}`);
  }
  throw usageError(`${file} is a directory; give files, or pack it: tar -c ${file} | leat upload - --name ${file}.tar`);
}

/** Undefined for files of /proc and /sys, for example: they are read once, like a pipe. */
async function statsOfContent(file: string, before: BigIntStats): Promise<BigIntStats | undefined> {
  try {
    const handle = await open(file);
    return await trueStats(handle, before).finally(() => handle.close());
  } catch (error) {
    throw usageError(`cannot read ${file}: ${messageOf(error)}`);
  }
}

/**
 * The same command on the same file goes on with its upload, and finds the blob when that is done; a file that was
 * changed, and another name or type, is another upload. Nothing has to be kept for that on this machine.
 */
function idOf(
  absolute: string,
  { size, mtimeNs }: BigIntStats,
  { name, contentType }: Pick<UploadInput, 'name' | 'contentType'>,
): string {
  const identity = JSON.stringify([hostname(), absolute, String(size), String(mtimeNs), name, contentType]);
  return `file-${createHash('sha256').update(identity).digest('hex').slice(0, 32)}`;
}

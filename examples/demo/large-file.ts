import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';

/** A large file that is real and on every machine: the program that runs this demo. */
export interface LargeFile {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  /** SHA-256 in hexadecimal. */
  readonly digest: string;
}

export async function findLargeFile(signal: AbortSignal): Promise<LargeFile> {
  const file = process.execPath;
  const { size } = await stat(file);
  return { path: file, name: path.basename(file), size, digest: await digestOf(file, signal) };
}

export async function digestOf(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Blob } from '../../gen/leat/v1/blob.js';

/** The file to write: what the user says, in it if that is a folder, or else a file of the blob's name right here. */
export async function findTarget(blob: Blob, output: string | undefined): Promise<string> {
  const name = fileNameOf(blob);
  if (output === undefined) return name;
  const stats = await stat(output).catch(() => undefined); // What is not there is made.
  return stats?.isDirectory() === true ? path.join(output, name) : output;
}

/** Names are given by strangers: no folders, nothing hidden, nothing that a terminal or a file system takes amiss. */
export function fileNameOf({ blobId, name }: Pick<Blob, 'blobId' | 'name'>): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  const safe = last.replace(/[\u0000-\u001f\u007f-\u009f:*?"<>|]/g, '_').replace(/^\.+/, '');
  return safe === '' || Buffer.byteLength(safe) > 240 ? blobId : safe;
}

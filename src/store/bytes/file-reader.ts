import { open } from 'node:fs/promises';
import type { ByteReader } from '../byte-store.js';
import { byteError, bytesMissing, fileCode } from './byte-errors.js';

/** Reads a file on the threads that Node has for it. */
export async function openFileReader(path: string, fileId: string): Promise<ByteReader> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw fileCode(error) === 'ENOENT' ? bytesMissing(fileId) : byteError(error);
  });
  let closing: Promise<void> | undefined;
  return {
    async read(offset, target) {
      for (let at = 0; at < target.length;) {
        const { bytesRead } = await handle.read(target, at, target.length - at, offset + at).catch((error: unknown) => {
          throw byteError(error);
        });
        if (bytesRead === 0) throw bytesMissing(fileId);
        at += bytesRead;
      }
    },
    close: () => (closing ??= handle.close()),
  };
}

import { mkdirSync } from 'node:fs';
import { opendir, statfs, truncate, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { ByteStore, ByteWriter } from '../byte-store.js';
import { byteError, fileCode } from './byte-errors.js';
import { createByteThread } from './byte-thread.js';
import { syncDirectory } from './directory-sync.js';
import { openFileReader } from './file-reader.js';
import { createThreadWriter } from './thread-writer.js';

export interface FileByteStoreOptions {
  /** The data directory, which is there; the files are in `files/` in it. Whoever uses it has the lock on it. */
  readonly dataDir: string;
  /** Called once if the thread that writes dies; the process must end. Default: throws, uncaught. */
  readonly onFatal?: (error: unknown) => void;
}

/** Plain files, written and hashed in a thread of their own, read on those that Node has for files. */
export async function openFileByteStore({ dataDir, onFatal = rethrow }: FileByteStoreOptions): Promise<ByteStore> {
  const directory = path.join(dataDir, 'files');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  syncDirectory(dataDir);
  const thread = createByteThread({ directory }, onFatal);
  const pathOf = (fileId: string) => path.join(directory, fileId);
  let lastFile = 0;

  return {
    async openWriter(fileId, size): Promise<ByteWriter> {
      const file = ++lastFile;
      await thread.ask<void>(file, { kind: 'open', fileId, size });
      return createThreadWriter(thread, file);
    },
    openReader: (fileId) => openFileReader(pathOf(fileId), fileId),
    truncate: (fileId, size) =>
      unlessMissing(async () => {
        if ((await stat(pathOf(fileId))).size > size) await truncate(pathOf(fileId), size);
      }),
    remove: (fileId) => unlessMissing(() => unlink(pathOf(fileId))),
    async *list() {
      // Nothing else is ours: where a disk is mounted, there may be a "lost+found".
      for await (const entry of await opendir(directory)) if (entry.isFile()) yield entry.name;
    },
    async freeBytes() {
      const { bavail, bsize } = await statfs(directory).catch((error: unknown) => {
        throw byteError(error);
      });
      return bavail * bsize;
    },
    close: () => thread.close(),
  };
}

/** A file that is not there needs nothing. */
async function unlessMissing(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (fileCode(error) !== 'ENOENT') throw byteError(error);
  }
}

function rethrow(error: unknown): void {
  throw error;
}

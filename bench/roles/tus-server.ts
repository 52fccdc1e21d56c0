import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface TusServerOptions {
  readonly dataDir: string;
  /** fdatasync a file when it is whole, before that is answered. Default: false, as the file store does it. */
  readonly syncs?: boolean;
}

/** @tus/server over its file store, as their documentation shows it. */
async function startTusServer({ dataDir, syncs = false }: TusServerOptions) {
  const tus = new Server({
    path: '/files',
    datastore: new FileStore({ directory: dataDir }),
    async onUploadFinish(_request, upload) {
      if (syncs) await syncFile(path.join(dataDir, upload.id));
      return {};
    },
  });
  const server = createServer((request, response) => void tus.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: () => (server.address() as AddressInfo).port };
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file);
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

export type TusServerRole = Awaited<ReturnType<typeof startTusServer>>;

playRole(await startTusServer(roleOptions()));

import { createReadStream, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { sample } from '../load/file-frames.js';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface FileServerOptions {
  readonly dataDir: string;
  readonly fileBytes: number;
}

/** The server that one writes first: a file, piped into the response, without any checksum. */
async function startFileServer({ dataDir, fileBytes }: FileServerOptions) {
  const file = path.join(dataDir, 'file');
  for (let at = 0; at < fileBytes; at += sample.length) writeFileSync(file, sample, { flag: 'a' });
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': fileBytes });
    pipeline(createReadStream(file), response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: () => (server.address() as AddressInfo).port };
}

export type FileServerRole = Awaited<ReturnType<typeof startFileServer>>;

playRole(await startFileServer(roleOptions()));

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { createMessageTable } from '../peers/message-table.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import { cpuSeconds } from '../processes/usage.js';

export interface PeerServerOptions {
  readonly dataDir: string;
}

/** A room over ws, as its documentation shows it: everybody is sent every message, after it is stored. */
async function startWsServer({ dataDir }: PeerServerOptions) {
  const members = new Set<WebSocket>();
  const table = createMessageTable(dataDir, (texts) => {
    for (const text of texts) for (const member of members) member.send(text);
  });
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, backlog: 2_000 });
  server.on('connection', (socket) => {
    socket.on('message', (data: Buffer) => table.add(data.toString()));
    socket.on('close', () => members.delete(socket));
    socket.on('error', () => undefined);
    members.add(socket);
    socket.send('ready');
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port: () => port, cpuSeconds };
}

export type WsServerRole = Awaited<ReturnType<typeof startWsServer>>;

playRole(await startWsServer(roleOptions()));

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { createMessageTable } from '../peers/message-table.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import { cpuSeconds } from '../processes/usage.js';
import type { PeerServerOptions } from './ws-server.js';

/** A room of Socket.IO, as its documentation shows it: everybody is sent every message, after it is stored. */
async function startSocketIoServer({ dataDir }: PeerServerOptions) {
  const http = createServer();
  const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });
  const table = createMessageTable(dataDir, (texts) => {
    for (const text of texts) io.to('room').emit('m', text);
  });
  io.on('connection', (socket) => {
    socket.on('join', () => {
      void socket.join('room');
      socket.emit('ready');
    });
    socket.on('m', (text: string) => table.add(text));
  });
  http.listen(0, '127.0.0.1', 2_000);
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return { port: () => port, cpuSeconds };
}

export type SocketIoServerRole = Awaited<ReturnType<typeof startSocketIoServer>>;

playRole(await startSocketIoServer(roleOptions()));

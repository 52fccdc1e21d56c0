import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { startLeat } from '../cli/leat-process.js';

/** SETTINGS with the largest window for each call, WINDOW_UPDATE for the connection, and the acknowledgement of SETTINGS. */
const GREETING = Buffer.concat([
  Buffer.from([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff]),
  Buffer.from([0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0, 0, 0]),
  Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]),
]);

it('a process exits by itself when its client is closed, though the service reads nothing', async () => {
  const sockets: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.push(socket.on('error', () => undefined));
    socket.write(GREETING);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const program = fileURLToPath(new URL('unread-child.js', import.meta.url));
  const child = startLeat([`127.0.0.1:${port}`], { program });
  expect(await child.ended).toEqual({ code: 0, stdout: 'CLIENT_CLOSED\n', stderr: '' });
  for (const socket of sockets) socket.destroy();
  server.close();
}, 30_000);

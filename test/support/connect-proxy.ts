import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** An HTTP proxy with CONNECT, for which every name is 127.0.0.1. */
export interface ConnectProxy {
  readonly port: number;
  /** "host:port authorization" of every tunnel that was asked for. */
  readonly tunnels: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** Tunnels lead to `targetPort`; a `status` other than 200 refuses them. */
export async function startConnectProxy(targetPort: number, status = 200): Promise<ConnectProxy> {
  const tunnels: string[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer();
  const keep = (socket: Duplex) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connect', ({ url, headers }: IncomingMessage, client: Duplex) => {
    tunnels.push(`${url} ${headers['proxy-authorization'] ?? ''}`.trim());
    keep(client);
    if (status !== 200) return void client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    const service: Socket = connect(targetPort, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(service).pipe(client);
    });
    keep(service);
    client.once('close', () => service.destroy());
    service.once('close', () => client.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    tunnels,
    async [Symbol.asyncDispose]() {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy on 127.0.0.1 that keeps every byte for `delayMs` in each direction: twice that is the round trip. */
export async function startDelayProxy(
  targetPort: number,
  delayMs: number,
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();

  function forward(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on('data', (data) => setTimeout(() => to.writable && to.write(data), delayMs));
    from.on('close', () => {
      sockets.delete(from);
      setTimeout(() => to.destroy(), delayMs);
    });
    from.on('error', () => undefined);
  }

  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    forward(near, far);
    forward(far, near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

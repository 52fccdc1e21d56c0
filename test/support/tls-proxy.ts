import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';

/** What stands in front of a service that has no TLS: takes TLS on 127.0.0.1, and passes on what is in it. */
export interface TlsProxy {
  readonly port: number;
  /** Connections that were tried, whatever came of them. */
  readonly tried: number;
  /** What was agreed on by those whose handshake succeeded. */
  readonly protocols: readonly (string | false | null)[];
  /** Cuts all connections now. */
  cutNow(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startTlsProxy(targetPort: number, options: TlsOptions): Promise<TlsProxy> {
  const sockets = new Set<Socket>();
  const protocols: TLSSocket['alpnProtocol'][] = [];
  let tried = 0;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  };
  const proxy = createServer({ ALPNProtocols: ['h2'], ...options }, (near) => {
    protocols.push(near.alpnProtocol);
    const far = connect(targetPort, '127.0.0.1');
    for (const socket of [near, far]) {
      keep(socket);
      socket.setNoDelay().once('close', () => [near, far].forEach((end) => end.destroy()));
    }
    near.pipe(far).pipe(near);
  });
  proxy.on('connection', (socket: Socket) => {
    tried++;
    keep(socket);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const cutNow = () => sockets.forEach((socket) => socket.destroy());
  return {
    port: (proxy.address() as AddressInfo).port,
    get tried() {
      return tried;
    },
    protocols,
    cutNow,
    async [Symbol.asyncDispose]() {
      cutNow();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { once } from 'node:events';

/** After how many bytes, in either direction, a connection is cut. Default: never. */
export interface CutPlan {
  readonly toServer?: number;
  readonly toClient?: number;
}

/** A TCP proxy on 127.0.0.1 that cuts connections at exact bytes: what was forwarded before arrives, nothing behind it does. */
export interface CuttingProxy {
  readonly port: number;
  /** Connections that were cut so far. */
  readonly cuts: number;
  /** Bytes that were forwarded to clients so far, by all connections. */
  readonly bytesToClient: number;
  /** Of the connections that are opened from now on, each takes the next one; when there are none left, none is cut. */
  plan(...plans: readonly CutPlan[]): void;
  /** Forgets the plans that are left: connections that come from now on are not cut. */
  heal(): void;
  /** Cuts all connections now. */
  cutNow(): void;
  /** From now on nothing passes on the connections that are open, and nobody is told. */
  freezeNow(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startCuttingProxy(targetPort: number): Promise<CuttingProxy> {
  const plans: CutPlan[] = [];
  const open = new Set<() => void>();
  const sockets = new Set<Socket>();
  let cuts = 0;
  let bytesToClient = 0;

  function onConnection(client: Socket): void {
    const { toServer = Infinity, toClient = Infinity } = plans.shift() ?? {};
    const server = connect(targetPort, '127.0.0.1');
    const end = () => {
      open.delete(end);
      client.destroy();
      server.destroy();
    };
    const cut = () => {
      cuts++;
      end();
    };
    open.add(end);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.setNoDelay().on('error', end).on('close', end);
      socket.on('close', () => sockets.delete(socket));
    }
    forward(client, server, toServer, cut);
    forward(server, client, toClient, cut);
    server.on('data', (chunk: Buffer) => (bytesToClient += chunk.length));
  }

  const proxy = createServer(onConnection).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as AddressInfo).port,
    get cuts() {
      return cuts;
    },
    get bytesToClient() {
      return bytesToClient;
    },
    plan: (...next) => void plans.push(...next),
    heal: () => void (plans.length = 0),
    cutNow: () => [...open].forEach((end) => end()),
    // What comes is read, so that an end is noticed, and goes nowhere.
    freezeNow: () => sockets.forEach((socket) => socket.removeAllListeners('data').resume()),
    async [Symbol.asyncDispose]() {
      [...open].forEach((end) => end());
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

function forward(from: Socket, to: Socket, limit: number, cut: () => void): void {
  let left = limit;
  let isOver = false;
  from.on('data', (chunk: Buffer) => {
    if (isOver) return;
    const part = chunk.subarray(0, left);
    left -= part.length;
    isOver = left <= 0;
    // The end waits until what comes before it is on its way.
    const isFlowing = to.write(part, () => isOver && cut());
    if (isFlowing) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
}

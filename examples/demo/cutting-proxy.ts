import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A wire to the service that breaks when it has carried so many bytes in one direction. */
export interface CuttingProxy {
  readonly address: string;
  close(): Promise<void>;
}

export interface Cuts {
  /** Which bytes are counted. */
  readonly direction: 'to-reader' | 'to-service';
  /** Byte counts, rising, over all connections together. */
  readonly at: readonly number[];
  readonly onCut: (bytes: number) => void;
}

/** Forwards connections to `target`, and cuts the wire where it is told to, in the middle of whatever is under way. */
export async function startCuttingProxy(target: string, { direction, at, onCut }: Cuts): Promise<CuttingProxy> {
  const [host, port] = target.split(':');
  const sockets = new Set<Socket>();
  const cuts = [...at];
  let carried = 0;
  const server = createServer((reader) => {
    const service = connect(Number(port), host);
    const end = () => [reader, service].forEach((socket) => socket.destroy());
    for (const socket of [reader, service]) {
      sockets.add(socket);
      socket.on('error', end).on('close', () => sockets.delete(socket) && end());
    }
    const [from, to] = direction === 'to-reader' ? [service, reader] : [reader, service];
    to.pipe(from);
    from.on('data', (chunk) => {
      const left = (cuts[0] ?? Infinity) - carried;
      const part = chunk.subarray(0, left);
      carried += part.length;
      // The slower side sets the pace: otherwise this process would hold what is not read yet.
      if (!to.write(part)) from.pause();
      if (chunk.length >= left) {
        onCut(cuts.shift() ?? 0);
        to.destroySoon();
        from.destroy();
      }
    });
    to.on('drain', () => from.resume());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}

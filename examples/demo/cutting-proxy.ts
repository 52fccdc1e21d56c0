import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A wire to the service that breaks when it has carried so many bytes towards the reader. */
export interface CuttingProxy {
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Forwards connections to `target`. At each of the byte counts in `cutsAt` (rising, over all connections together) it
 * cuts the wire, in the middle of whatever is under way, and tells `onCut`.
 */
export async function startCuttingProxy(
  target: string,
  cutsAt: readonly number[],
  onCut: (bytes: number) => void,
): Promise<CuttingProxy> {
  const [host, port] = target.split(':');
  const sockets = new Set<Socket>();
  const cuts = [...cutsAt];
  let carried = 0;
  const server = createServer((reader) => {
    const service = connect(Number(port), host);
    const end = () => [reader, service].forEach((socket) => socket.destroy());
    for (const socket of [reader, service]) {
      sockets.add(socket);
      socket.on('error', end).on('close', () => sockets.delete(socket) && end());
    }
    reader.pipe(service);
    service.on('data', (chunk) => {
      const left = (cuts[0] ?? Infinity) - carried;
      const part = chunk.subarray(0, left);
      carried += part.length;
      // The reader's pace is the service's pace: otherwise this process would hold what the reader has not read.
      if (!reader.write(part)) service.pause();
      if (chunk.length >= left) {
        onCut(cuts.shift() ?? 0);
        reader.destroySoon();
        service.destroy();
      }
    });
    reader.on('drain', () => service.resume());
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

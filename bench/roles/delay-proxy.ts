import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { playRole } from '../processes/play-role.js';

export interface DelayOrder {
  readonly port: number;
  /** There and back. */
  readonly roundTripMs: number;
}

/** Passes everything on, later: as much bandwidth as there is, and a distance. */
function delay(from: Socket, to: Socket, delayMs: number): void {
  const onTheWay: { readonly chunk: Buffer; readonly dueAt: number }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const deliver = () => {
    timer = undefined;
    const now = performance.now();
    while (onTheWay[0] && onTheWay[0].dueAt <= now) to.write(onTheWay.shift()?.chunk ?? Buffer.alloc(0));
    if (onTheWay[0]) timer = setTimeout(deliver, onTheWay[0].dueAt - now);
  };
  from.on('data', (chunk) => {
    if (delayMs === 0) return void to.write(chunk);
    onTheWay.push({ chunk, dueAt: performance.now() + delayMs });
    timer ??= setTimeout(deliver, delayMs);
  });
  from.on('error', () => undefined);
  from.on('close', () => {
    clearTimeout(timer);
    to.destroy();
  });
}

const commands = {
  /** Answers the port at which that port is far away. */
  async open({ port, roundTripMs }: DelayOrder): Promise<number> {
    const server = createServer({ noDelay: true }, (near) => {
      const far = connect({ port, host: '127.0.0.1', noDelay: true });
      delay(near, far, roundTripMs / 2);
      delay(far, near, roundTripMs / 2);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
};

export type DelayProxyRole = typeof commands;

playRole(commands);

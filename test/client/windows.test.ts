import { describe, expect, it } from '@jest/globals';
import type { ServerHttp2Session } from 'node:http2';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { createLeatClient } from '../../src/client/index.js';
import { startDelayProxy } from '../support/delay-proxy.js';

const MiB = 1024 * 1024;

async function windowOf(session: ServerHttp2Session, fits: (bytes: number) => boolean): Promise<number> {
  for (;;) {
    const now = session.remoteSettings.initialWindowSize ?? 0;
    if (fits(now)) return now;
    await once(session, 'remoteSettings');
  }
}

describe('a client that is far away from what it reads', () => {
  it('lets the service send more ahead while it needs it', async () => {
    const server = createHttp2Server();
    const sessions = once(server, 'session') as Promise<[ServerHttp2Session]>;
    // A service that sends one endless message: what the client takes in is bounded by its windows alone.
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(Buffer.from([0, 0x3f, 0xff, 0xff, 0xff]));
      const more = Buffer.alloc(64 * 1024);
      const send = () => {
        while (!stream.destroyed && stream.write(more));
      };
      stream.on('drain', send).on('error', () => undefined);
      send();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using far = await startDelayProxy((server.address() as AddressInfo).port, 10);
    await using client = createLeatClient({
      address: `127.0.0.1:${far.port}`,
      flowControlWindow: 64 * 1024,
      maxFlowControlWindow: MiB,
      maxMessageBytes: 0x3fffffff,
    });
    const reading = client.events.listEvents({ topic: 'far' })[Symbol.asyncIterator]();
    const first = reading.next().catch(() => undefined);
    const [session] = await sessions;
    expect(await windowOf(session, (bytes) => bytes === 64 * 1024)).toBe(64 * 1024);
    expect(await windowOf(session, (bytes) => bytes >= MiB)).toBe(MiB);
    await client.close();
    await first;
    session.destroy();
    server.close();
  });
});

import { channel } from 'node:diagnostics_channel';
import type { Server, Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { echoService, EchoDefinition } from '../support/echo-service.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { connectUnread, dataFrame } from '../support/unread-socket.js';
import { until } from '../support/until.js';

const page = { payload: { $case: 'data', value: new Uint8Array(1 << 20) } } as const;

/** Sends pages for ever. */
const endless = echoService({
  async *download() {
    for (;;) yield await Promise.resolve(page);
  },
});

/** A few of its answers are more than the buffers of the kernel take. */
const large = echoService({
  unary: async () => Promise.resolve({ payload: { $case: 'data', value: new Uint8Array(3 << 20) } } as const),
});

async function metric({ server }: TestServer, line: string): Promise<number> {
  const found = (await server.registry.metrics()).split('\n').find((text) => text.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1) ?? 0);
}

/** The server's sockets, as they are accepted. */
function watchAccepted() {
  const sockets: Socket[] = [];
  const accepted = (message: unknown) => void sockets.push((message as { socket: Socket }).socket);
  const opened = channel('net.server.socket');
  opened.subscribe(accepted);
  return { sockets, [Symbol.dispose]: () => void opened.unsubscribe(accepted) };
}

function writeQueueSize(socket: Socket | undefined): number {
  const known = socket as unknown as { readonly _handle: { readonly writeQueueSize: number } | null } | undefined;
  return known?._handle?.writeQueueSize ?? 0;
}

describe('a connection whose peer does not read', () => {
  const limits = { 'max-connections': 2, 'keepalive-time': '1s', 'keepalive-timeout': '100ms' };

  it('is closed by the keepalive, and frees its place', async () => {
    await using test = await startTestServer([endless], limits);
    await using unread = connectUnread(test.grpcPort);
    unread.call(1, 'Download', new Uint8Array());
    await until(async () => (await metric(test, 'leat_connections_closed_total{reason="keepalive"}')) === 1);
    expect(await metric(test, 'leat_connections')).toBe(0);
    await using first = await connectRaw(test.grpcPort);
    await using second = await connectRaw(test.grpcPort);
    for (const connection of [first, second]) {
      const { stream, ended } = connection.call('/leat.test.Echo/Unary');
      stream.end(frame(new Uint8Array()));
      await expect(ended).resolves.toMatchObject({ status: Status.OK });
    }
  }, 30_000);

  it('is closed when the server is closed', async () => {
    using accepted = watchAccepted();
    await using test = await startTestServer([large]);
    await using unread = connectUnread(test.grpcPort);
    for (let i = 0; i < 10; i++) unread.call(1 + 2 * i, 'Unary', new Uint8Array());
    await until(() => writeQueueSize(accepted.sockets[0]) > 1 << 20);
    await test.server.close();
    await until(async () => (await metric(test, 'leat_connections')) === 0);
    expect(accepted.sockets[0]?.destroyed).toBe(true);
  }, 30_000);

  it('is not read from when it has sent very many frames, until it reads', async () => {
    using accepted = watchAccepted();
    await using test = await startTestServer([large], { window: '16MiB' });
    await using unread = connectUnread(test.grpcPort);
    // The answers are written in turns with very many frames.
    const uploads = Array.from({ length: 20 }, (_, index) => 101 + 2 * index);
    for (let i = 0; i < 10; i++) unread.call(1 + 2 * i, 'Unary', new Uint8Array());
    for (const id of uploads) unread.call(id, 'Upload');
    for (const id of uploads) unread.socket.write(tinyFrames(id));
    await until(() => writeQueueSize(accepted.sockets[0]) > 1 << 20);
    const client = test.client(EchoDefinition);
    for (let i = 0; i < 300; i++) await client.upload(none());
    const [socket] = accepted.sockets;
    expect(socket?.bytesRead).toBeLessThan(1 << 20);
    unread.socket.resume();
    await until(() => socket?.bytesRead === unread.socket.bytesWritten);
  }, 60_000);
});

async function* none() {
  // Nothing is sent.
}

/** Of a message that is not complete: as many as the first window of a call takes. */
function tinyFrames(streamId: number): Buffer {
  const message = frame(new Uint8Array(15_000), { length: 16_000 });
  return Buffer.concat(Array.from(message, (byte) => dataFrame(streamId, Buffer.from([byte]))));
}

describe('the gRPC port', () => {
  it('goes on when a connection cannot be accepted, which is logged and counted', async () => {
    await using test = await startTestServer([echoService()]);
    const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
    const isPort = (handle: unknown) => (handle as Partial<Server>).address?.() !== undefined;
    const servers = handles.filter(isPort) as Server[];
    const server = servers.find((one) => (one.address() as { port?: number } | null)?.port === test.grpcPort);
    // As libuv reports it: EMFILE.
    (server as unknown as { _handle: { onconnection(code: number): void } })._handle.onconnection(-24);
    await expect(test.client(EchoDefinition).unary({ id: 'x' })).resolves.toMatchObject({ id: 'x' });
    expect(test.log).toContainEqual(expect.objectContaining({ level: 'warn', error: 'accept EMFILE' }));
    expect(await metric(test, 'leat_connection_accept_errors_total')).toBe(1);
  });
});

import { once } from 'node:events';
import { connect, constants, createServer, type ClientHttp2Stream, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createResetGuard } from '../../src/client/reset-guard.js';
import { until } from '../support/until.js';

/** More than one connection may reset in a burst, so that the last of them are delayed. */
const CALLS = 950;

/** A server that sends only the header of each response; the test sends the rest. */
async function startSlowServer() {
  const streams = new Set<ServerHttp2Stream>();
  const server = createServer();
  server.on('stream', (stream) => {
    streams.add(stream);
    stream.on('error', () => undefined).on('close', () => streams.delete(stream));
    stream.respond({ ':status': 200 });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    streams,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

describe('delayed resets', () => {
  it('let go of streams that the server ends meanwhile, and the connection closes', async () => {
    await using server = await startSlowServer();
    const session = connect(`http://127.0.0.1:${server.port}`);
    await once(session, 'remoteSettings');
    createResetGuard().add(session);
    const request = async (): Promise<ClientHttp2Stream> => {
      const stream = session.request({ ':path': '/' }, { endStream: true });
      stream.on('error', () => undefined).resume();
      await once(stream, 'response');
      return stream;
    };
    const bystander = await request();
    const streams = await Promise.all(Array.from({ length: CALLS }, request));
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    const held = streams.filter((stream) => !stream.closed);
    expect(held.length).toBeGreaterThan(0);
    await until(() => server.streams.size === held.length + 1);

    const closed = once(session, 'close');
    session.close();
    const [kept] = server.streams;
    for (const stream of server.streams) if (stream !== kept) stream.end('data that nobody reads');
    await until(() => held.every((stream) => stream.destroyed));
    expect(bystander.closed).toBe(false);
    kept?.end();
    await closed;
  });
});

import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { echoService } from '../support/echo-service.js';
import { connectRaw, frame, type RawConnection } from '../support/raw-http2.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const message = frame(Buffer.from([0x0a, 1, 0x61]));

const service = echoService({
  upload: async (_requests, { signal }) => {
    if (!signal.aborted) await once(signal, 'abort');
    throw signal.reason as Error;
  },
});

async function metric({ server }: TestServer, line: string): Promise<number> {
  const found = (await server.registry.metrics()).split('\n').find((text) => text.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1) ?? 0);
}

/** Opens calls and resets them at once, as many in one flight as given. */
async function openAndReset(connection: RawConnection, count: number): Promise<void> {
  const calls = Array.from({ length: count }, () => connection.call('/leat.test.Echo/Upload'));
  // All of them are open at the server before the first is reset.
  await new Promise((resolve) => connection.session.ping(resolve));
  for (const { stream } of calls) stream.close(8);
}

describe('a client that resets many calls', () => {
  it('gets a graceful GOAWAY in time, and its running call succeeds', async () => {
    await using test = await startTestServer([service]);
    await using connection = await connectRaw(test.grpcPort);
    const { stream, ended } = connection.call('/leat.test.Echo/Unary');
    let code: number | undefined;
    connection.session.once('goaway', (given: number) => (code = given));
    while (code === undefined) await openAndReset(connection, 50);
    expect(code).toBe(0);
    stream.end(message);
    await expect(ended).resolves.toMatchObject({ status: 0, reset: 0 });
    await until(async () => (await metric(test, 'leat_connections_closed_total{reason="too-many-resets"}')) === 1);
    expect(test.log).toContainEqual(expect.objectContaining({ level: 'warn', reason: 'too-many-resets' }));
  });

  it('may reset all its calls after the GOAWAY', async () => {
    await using test = await startTestServer([service]);
    await using connection = await connectRaw(test.grpcPort);
    const kept = connection.call('/leat.test.Echo/Unary');
    const left = Array.from({ length: 900 }, () => connection.call('/leat.test.Echo/Upload'));
    await until(() => test.server.calls.size === 901);
    const goaway = once(connection.session, 'goaway');
    for (const { stream } of left.slice(0, 800)) stream.close(8);
    await goaway;
    for (const { stream } of left) stream.close(8);
    kept.stream.end(message);
    await expect(kept.ended).resolves.toMatchObject({ status: 0 });
  });

  it('loses its connection at once when HTTP/2 has given it up, and does not wait for a ping', async () => {
    await using test = await startTestServer([service], { 'max-concurrent-streams': 10_000 });
    await using connection = await connectRaw(test.grpcPort);
    const kept = connection.call('/leat.test.Echo/Unary');
    await openAndReset(connection, 1_500);
    expect((await kept.ended).status).toBeUndefined();
    await test.idle();
    expect(test.log).toContainEqual(
      expect.objectContaining({
        status: 'UNAVAILABLE',
        method: '/leat.test.Echo/Unary',
        error: 'the server closed the connection: too-many-resets',
      }),
    );
  });
});

describe('the log of connections', () => {
  it('has calls that HTTP/2 resets by itself for the size of their headers', async () => {
    await using test = await startTestServer([service]);
    await using connection = await connectRaw(test.grpcPort);
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x-${i}`, 'v']));
    await connection.call('/leat.test.Echo/Unary', { headers: many }).ended;
    const { stream, ended } = connection.call('/leat.test.Echo/Unary');
    stream.end(message);
    await ended;
    expect(test.log).toContainEqual(expect.objectContaining({ level: 'warn', peer: '127.0.0.1', calls: 1 }));
    expect(await metric(test, 'leat_calls_refused_total{reason="HTTP2_LIMIT"}')).toBe(1);
  });

  it('has what violates HTTP/2', async () => {
    await using test = await startTestServer([service]);
    const socket = connectTcp(test.grpcPort, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => test.log.some(({ reason }) => reason === 'protocol-error'));
    socket.destroy();
    expect(await metric(test, 'leat_connections_closed_total{reason="protocol-error"}')).toBe(1);
  });

  it('has a client that reports an error', async () => {
    await using test = await startTestServer([service]);
    await using connection = await connectRaw(test.grpcPort);
    connection.session.goaway(11);
    await until(() => test.log.some(({ reason }) => reason === 'client-error'));
    expect(test.log).toContainEqual(
      expect.objectContaining({ reason: 'client-error', error: 'the client sent GOAWAY with code 11' }),
    );
  });

  it('has connections that do not answer a keepalive ping', async () => {
    await using test = await startTestServer([service], { 'keepalive-time': '1s', 'keepalive-timeout': '100ms' });
    const socket = connectTcp(test.grpcPort, '127.0.0.1');
    socket.resume();
    await until(() => test.log.some(({ reason }) => reason === 'keepalive'));
    expect(await metric(test, 'leat_connections_closed_total{reason="keepalive"}')).toBe(1);
    socket.destroy();
  });

  it('has nothing of those that come and go, which are counted', async () => {
    await using test = await startTestServer([service]);
    {
      await using connection = await connectRaw(test.grpcPort);
      expect(await metric(test, 'leat_connections')).toBe(1);
      await new Promise((resolve) => connection.session.ping(resolve));
    }
    await until(async () => (await metric(test, 'leat_connections_closed_total{reason="client"}')) === 1);
    expect(await metric(test, 'leat_connections')).toBe(0);
    expect(test.log).toEqual([]);
  });
});

describe('the connections of a process', () => {
  it('are refused when there are as many as allowed, which is logged and counted', async () => {
    await using test = await startTestServer([service], { 'max-connections': 3 });
    const connections = await Promise.all([1, 2, 3].map(() => connectRaw(test.grpcPort)));
    for (const connection of connections) connection.call('/leat.test.Echo/Upload').stream.write(message);
    await until(() => test.server.calls.size === 3);
    const refused = connectTcp(test.grpcPort, '127.0.0.1');
    refused.on('error', () => undefined).resume();
    await once(refused, 'close');
    expect(test.log).toContainEqual(expect.objectContaining({ level: 'warn', reason: 'too-many' }));
    expect(await metric(test, 'leat_connections_refused_total{reason="too-many"}')).toBe(1);
    await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()));
    await using again = await connectRaw(test.grpcPort);
    const { stream, ended } = again.call('/leat.test.Echo/Unary');
    stream.end(message);
    await expect(ended).resolves.toMatchObject({ status: Status.OK });
  });

  it('make room for a new one when they have no calls', async () => {
    await using test = await startTestServer([service], { 'max-connections': 10 });
    const sockets = Array.from({ length: 9 }, () => connectTcp(test.grpcPort, '127.0.0.1').resume());
    await until(async () => (await metric(test, 'leat_connections')) === 9);
    const last = performance.now();
    await until(() => performance.now() - last > 1_100);
    await using connection = await connectRaw(test.grpcPort);
    const { stream, ended } = connection.call('/leat.test.Echo/Unary');
    stream.end(message);
    await expect(ended).resolves.toMatchObject({ status: Status.OK });
    await until(() => sockets[0]?.closed === true);
    expect(test.log).toContainEqual(expect.objectContaining({ reason: 'evicted' }));
    for (const socket of sockets) socket.destroy();
  });
});

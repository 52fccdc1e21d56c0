import { connect, type ClientHttp2Session, type Settings } from 'node:http2';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createServer } from 'nice-grpc';
import { echoService } from '../support/echo-service.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { until } from '../support/until.js';
import { startTestServer } from '../support/test-server.js';

const MiB = 1024 * 1024;
const PING_BYTES = 17;

async function settingsOf(session: ClientHttp2Session): Promise<Settings> {
  const [settings] = (await once(session, 'remoteSettings')) as [Settings];
  return settings;
}

/** A handler that never reads. */
const deaf = echoService({
  upload: (_requests, { signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
});

describe('the windows of a server', () => {
  it('are what it says in its settings', async () => {
    await using test = await startTestServer([deaf], { window: '2MiB', 'max-concurrent-streams': 7 });
    await using connection = await connectRaw(test.grpcPort);
    const { session } = connection;
    // The first ones are cautious, those that follow at once say how much room there is.
    await until(() => session.remoteSettings?.initialWindowSize === 2 * MiB);
    expect(session.remoteSettings).toMatchObject({ maxConcurrentStreams: 7 });
  });

  it('take a MiB of a stream that nobody reads, by default, and no more', async () => {
    // A look at the connection in the middle of the burst would let the window grow.
    await using test = await startTestServer([deaf], { 'window-budget': '0B' });
    await using connection = await connectRaw(test.grpcPort);
    const { stream } = connection.call('/leat.test.Echo/Upload');
    const { session } = connection;
    let pings = 0;
    const roundTrip = () => new Promise((resolve) => (pings++, session.ping(resolve)));
    const sent = () => connection.bytesSent - pings * PING_BYTES;
    await roundTrip();
    expect(session.state.remoteWindowSize).toBe(MiB);
    stream.write(frame(Buffer.alloc(3 * MiB)));
    while (sent() < MiB) await roundTrip();
    // Whatever else the server would take, it would have said so before it answers.
    for (let i = 0; i < 10; i++) await roundTrip();
    expect(sent()).toBeLessThan(MiB + 8 * 1024);
  });

  it('of other servers in the process are left alone', async () => {
    await using _test = await startTestServer([deaf]);
    const other = createServer();
    const session = connect(`http://127.0.0.1:${await other.listen('127.0.0.1:0')}`);
    expect(await settingsOf(session)).toMatchObject({ initialWindowSize: 65_535 });
    session.close();
    other.forceShutdown();
  });
});

describe('the limits of a connection', () => {
  it('close it when it does not answer', async () => {
    await using test = await startTestServer([deaf], { 'keepalive-time': '1s', 'keepalive-timeout': '100ms' });
    // A client that says hello and then nothing, as one that vanished.
    const socket = connectTcp(test.grpcPort, '127.0.0.1');
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings]));
    socket.resume();
    await once(socket, 'close');
  });

  it('close it when it is idle', async () => {
    await using test = await startTestServer([deaf], { 'max-connection-idle': '1s' });
    await using connection = await connectRaw(test.grpcPort);
    await once(connection.session, 'close');
  });

  it('close it when it is old, with a call that would never end', async () => {
    const limits = { 'max-connection-age': '1s', 'max-connection-age-grace': '1s' };
    await using test = await startTestServer([deaf], limits);
    await using connection = await connectRaw(test.grpcPort);
    const { ended } = connection.call('/leat.test.Echo/Upload');
    await once(connection.session, 'goaway');
    await ended;
    await test.idle();
  });

  it('let as many calls run as they say', async () => {
    await using test = await startTestServer([deaf], { 'max-concurrent-streams': 2 });
    await using connection = await connectRaw(test.grpcPort);
    expect(connection.session.remoteSettings.maxConcurrentStreams).toBe(2);
    const calls = [1, 2, 3].map(() => connection.call('/leat.test.Echo/Upload'));
    await new Promise((resolve) => connection.session.ping(resolve));
    expect(test.server.calls.size).toBe(2);
    calls[0]?.stream.close(8);
    while (calls[2]?.stream.pending) await new Promise(setImmediate);
  });
});

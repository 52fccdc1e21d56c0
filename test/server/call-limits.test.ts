import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { HealthDefinition } from '../../gen/grpc/health/v1/health.js';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { connectRaw, frame, type RawConnection } from '../support/raw-http2.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const message = frame(Buffer.from([0x0a, 1, 0x61]));
const kinds = Object.values(EchoDefinition.methods).map(({ name }) => `/leat.test.Echo/${name}`);

/** Its streams stay open after their first message. */
const quiet = echoService({
  async *download(request, { signal }) {
    yield request;
    await once(signal, 'abort');
  },
  async *chat(requests) {
    yield* requests;
  },
});

/** Opens calls that send their headers and no message. */
function openSilent(connection: RawConnection, path: string, count: number) {
  return Array.from({ length: count }, () => connection.call(path));
}

/** Opens streams, one after the other; resolves with those that have begun. */
async function openStreams(connection: RawConnection, count: number) {
  const begun = [];
  for (let i = 0; i < count; i++) {
    const call = connection.call('/leat.test.Echo/Download', { paused: true });
    call.stream.end(message);
    const isBegun = await new Promise((resolve) => {
      call.stream.once('response', (headers) => resolve(headers['grpc-status'] === undefined));
    });
    if (isBegun) begun.push(call);
    else call.stream.resume();
  }
  return begun;
}

async function unary(connection: RawConnection) {
  const { stream, ended } = connection.call('/leat.test.Echo/Unary');
  stream.end(message);
  return ended;
}

async function metric({ server }: TestServer, line: string): Promise<number> {
  const found = (await server.registry.metrics()).split('\n').find((text) => text.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1));
}

describe.each(kinds)('a call of %s', (path) => {
  it('ends when its client sends no message in time', async () => {
    await using test = await startTestServer([quiet], { 'first-message-timeout': '100ms' });
    await using connection = await connectRaw(test.grpcPort);
    const { ended } = connection.call(path);
    await expect(ended).resolves.toMatchObject({
      status: Status.DEADLINE_EXCEEDED,
      reason: 'FIRST_MESSAGE_TIMEOUT',
      message: expect.stringContaining('100 ms'),
      reset: 0,
    });
    await test.idle();
  });

  it('ends when its client sends a part of its first message and stops', async () => {
    const limits = { 'first-message-timeout': '100ms', 'max-unary-duration': '100ms' };
    await using test = await startTestServer([quiet], limits);
    await using connection = await connectRaw(test.grpcPort);
    const { stream, ended } = connection.call(path);
    stream.write(message.subarray(0, 6));
    await expect(ended).resolves.toMatchObject({ status: Status.DEADLINE_EXCEEDED });
    await test.idle();
  });

  it('is freed when it has ended, though its client never half-closes', async () => {
    await using test = await startTestServer([quiet], { 'max-metadata-size': '4KiB' });
    await using connection = await connectRaw(test.grpcPort);
    const { stream, ended } = connection.call(path, { headers: { 'x-much': 'x'.repeat(5_000) } });
    stream.removeAllListeners('end');
    await expect(ended).resolves.toMatchObject({ status: Status.RESOURCE_EXHAUSTED, reset: 0 });
    await test.idle();
  });
});

describe('a unary call', () => {
  it('takes as long as it may from its beginning, not from its half-close', async () => {
    await using test = await startTestServer([quiet], { 'max-unary-duration': '100ms' });
    await using connection = await connectRaw(test.grpcPort);
    const { stream, ended } = connection.call('/leat.test.Echo/Unary');
    stream.write(message);
    await expect(ended).resolves.toMatchObject({ status: Status.DEADLINE_EXCEEDED, reason: 'DEADLINE_EXCEEDED' });
    await test.idle();
    expect(test.log).toMatchObject([{ status: 'DEADLINE_EXCEEDED' }]);
  });
});

describe('a stream', () => {
  it('may stay quiet after its first message', async () => {
    await using test = await startTestServer([quiet], { 'first-message-timeout': '100ms' });
    await using connection = await connectRaw(test.grpcPort);
    const { stream } = connection.call('/leat.test.Echo/Chat', { paused: true });
    stream.write(message);
    await once(stream, 'readable');
    // Others that begin later end before.
    for (let i = 0; i < 3; i++) await connection.call('/leat.test.Echo/Chat').ended;
    stream.end(message);
    stream.resume();
    await once(stream, 'close');
    expect(stream.rstCode).toBe(0);
  });
});

describe('the calls of a process', () => {
  it('are refused when there are as many as allowed, and others succeed when they have ended', async () => {
    await using test = await startTestServer([quiet], { 'max-calls': 10 });
    await using connection = await connectRaw(test.grpcPort);
    await using other = await connectRaw(test.grpcPort);
    const calls = [...(await openStreams(connection, 5)), ...(await openStreams(other, 4))];
    expect(calls).toHaveLength(9);
    const { stream, ended } = connection.call('/leat.test.Echo/Download');
    stream.write(message);
    await expect(ended).resolves.toMatchObject({ status: Status.UNAVAILABLE, reason: 'TOO_MANY_CALLS', reset: 0 });
    expect(await metric(test, 'leat_calls_refused_total{reason="TOO_MANY_CALLS"}')).toBe(1);
    for (const call of calls) call.stream.close(8);
    await test.idle();
    expect(await unary(connection)).toMatchObject({ status: 0 });
  });

  it('cannot all be taken by one connection', async () => {
    await using test = await startTestServer([quiet], { 'max-calls': 40 });
    await using greedy = await connectRaw(test.grpcPort);
    expect(await openStreams(greedy, 40)).toHaveLength(18);
    await using modest = await connectRaw(test.grpcPort);
    expect(await unary(modest)).toMatchObject({ status: 0 });
    expect(await openStreams(modest, 8)).toHaveLength(8);
    // What was refused is gone as well.
    expect(test.server.calls.size).toBe(26);
  });

  it('leave room for unary calls when streams fill their part, and always for health checks', async () => {
    await using test = await startTestServer([quiet], { 'max-calls': 10 });
    await using connection = await connectRaw(test.grpcPort);
    await using other = await connectRaw(test.grpcPort);
    for (const each of [connection, other]) await openStreams(each, 8);
    expect(test.server.calls.size).toBe(9);
    await using third = await connectRaw(test.grpcPort);
    for (const each of [other, third]) expect(await unary(each)).toMatchObject({ status: 0 });
    const { stream } = third.call('/leat.test.Echo/Unary');
    await until(() => test.server.calls.size === 10);
    expect(await unary(other)).toMatchObject({ reason: 'TOO_MANY_CALLS' });
    await expect(test.client(HealthDefinition).check({ service: '' })).resolves.toMatchObject({ status: 1 });
    stream.close(8);
  });
});

describe('calls that wait for their first message', () => {
  it('make room for others, those that waited longest first', async () => {
    await using test = await startTestServer([quiet], { 'max-waiting-calls': 3 });
    const connections = await Promise.all(Array.from({ length: 4 }, () => connectRaw(test.grpcPort)));
    const calls = [];
    for (const connection of connections.slice(0, 3)) {
      calls.push(...openSilent(connection, '/leat.test.Echo/Unary', 1));
      await until(() => test.server.calls.size === calls.length);
    }
    const [first, , , fourth] = connections;
    if (!first || !fourth) throw new Error('no connection');
    expect(await unary(fourth)).toMatchObject({ status: 0 });
    await expect(calls[0]?.ended).resolves.toMatchObject({ status: Status.UNAVAILABLE, reason: 'TOO_MANY_CALLS' });
    expect(test.server.calls.size).toBe(2);
    await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()));
  });

  it('of one connection leave places for others', async () => {
    await using test = await startTestServer([quiet], { 'max-waiting-calls': 10 });
    await using greedy = await connectRaw(test.grpcPort);
    const calls = openSilent(greedy, '/leat.test.Echo/Upload', 40);
    const ends = await Promise.all(calls.slice(8).map(({ ended }) => ended));
    expect(new Set(ends.map(({ reason }) => reason))).toEqual(new Set(['TOO_MANY_CALLS']));
    await using modest = await connectRaw(test.grpcPort);
    expect(await unary(modest)).toMatchObject({ status: 0 });
    expect(test.server.calls.size).toBe(8);
  });
});

describe('the log of refused calls', () => {
  it('is limited, and says how many there were', async () => {
    await using test = await startTestServer([quiet], { 'max-waiting-calls': 10 });
    await using connection = await connectRaw(test.grpcPort);
    const calls = openSilent(connection, '/leat.test.Echo/Upload', 208);
    await Promise.all(calls.slice(8).map(({ ended }) => ended));
    const lines = () => test.log.filter(({ reason }) => reason === 'TOO_MANY_CALLS');
    expect(lines()).toHaveLength(20);
    await test.server.close();
    expect(lines().at(-1)).toMatchObject({ repeated: 180, message: expect.stringContaining('and 179 more like this') });
  });
});

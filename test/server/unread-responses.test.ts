import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { describe, expect, it } from '@jest/globals';
import { ListUsersRequest } from '../../gen/leat/v1/user_service.js';
import { MAX_RESIDENT_BYTES, startHostileServer } from '../support/hostile-server.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { frame } from '../support/raw-http2.js';
import { until } from '../support/until.js';

const PAGE_BYTES = 1024 * 1024;
const CANCEL = 8;

const listUsers = ListUsersRequest.encode(ListUsersRequest.fromPartial({ pageSize: 1_000 })).finish();

/** 33 users of 32 KiB: a page of 1 MiB. */
const users = Array.from({ length: 33 }, (_, index) => ({
  userId: `user-${index}`,
  name: 'Nobody',
  attributes: new Map(Array.from({ length: 32 }, (_, key) => [`key-${key}`, 'v'.repeat(1_000)])),
}));

async function createUsers(client: LeatServer['users']): Promise<void> {
  for (const user of users) await client.createUser({ user });
}

/** A client that lets the server send nothing but headers. */
async function connectUnread(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
  session.on('error', () => undefined);
  await once(session, 'remoteSettings');
  return session;
}

interface UnreadCall {
  readonly stream: ClientHttp2Stream;
  hasHeader: boolean;
  bytes: number;
}

function callListUsers(session: ClientHttp2Session): UnreadCall {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/leat.v1.UserService/ListUsers',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const call = { stream, hasHeader: false, bytes: 0 };
  stream.on('error', () => undefined);
  stream.on('response', () => (call.hasHeader = true));
  stream.on('data', ({ byteLength }: Buffer) => (call.bytes += byteLength));
  stream.end(frame(listUsers));
  return call;
}

describe('a connection that does not read the responses of its unary calls', () => {
  it('gets no further ones until it reads, and then gets them all, while others are served', async () => {
    await using test = await startLeat();
    await createUsers(test.users);
    const session = await connectUnread(test.grpcPort);
    const calls = Array.from({ length: 12 }, () => callListUsers(session));
    await until(() => calls.filter(({ hasHeader }) => hasHeader).length >= 4);
    // Calls of others take turns with those that wait: by then each of them could have begun.
    for (let i = 0; i < 12; i++) await test.users.listUsers({ pageSize: 1 });
    expect(calls.filter(({ hasHeader }) => hasHeader).length).toBeLessThan(6);
    session.settings({ initialWindowSize: 4 * PAGE_BYTES });
    session.setLocalWindowSize(64 * PAGE_BYTES);
    await Promise.all(calls.map(({ stream }) => once(stream, 'close')));
    expect(calls.every(({ bytes }) => bytes > PAGE_BYTES / 2)).toBe(true);
    session.destroy();
    await once(session, 'close');
  }, 20_000);

  it('leaves nothing behind when its calls end while they wait for their turn', async () => {
    await using test = await startLeat();
    await createUsers(test.users);
    const session = await connectUnread(test.grpcPort);
    const calls = Array.from({ length: 12 }, () => callListUsers(session));
    await until(() => calls.filter(({ hasHeader }) => hasHeader).length >= 4);
    for (const { stream } of calls) stream.close(CANCEL);
    await test.idle();
    session.destroy();
    await once(session, 'close');
  }, 20_000);
});

describe('unary responses that are not read', () => {
  it('beyond unread-response-budget are dropped, those of the connection with most first', async () => {
    await using test = await startLeat({ 'unread-response-budget': '4MiB', 'max-unary-duration': '1h' });
    await createUsers(test.users);
    const greedy = await connectUnread(test.grpcPort);
    const other = await connectUnread(test.grpcPort);
    const many = Array.from({ length: 3 }, () => callListUsers(greedy));
    await until(() => many.every(({ hasHeader }) => hasHeader));
    const few = Array.from({ length: 2 }, () => callListUsers(other));
    await until(() => few.every(({ hasHeader }) => hasHeader));
    await until(() => many.some(({ stream }) => stream.closed));
    expect(many.map(({ stream }) => stream.rstCode)).toEqual([CANCEL, 0, 0]);
    expect(few.some(({ stream }) => stream.closed)).toBe(false);
    expect(await test.server.registry.metrics()).toMatch(/^leat_unread_responses_dropped_total 1$/m);
    expect(test.log.filter(({ message }) => message.includes('unread-response-budget'))).toHaveLength(1);
    for (const session of [greedy, other]) {
      session.destroy();
      await once(session, 'close');
    }
  }, 20_000);
});

describe('a server', () => {
  it('survives clients that ask for large responses and read none, and serves others', async () => {
    await using server = await startHostileServer();
    const client = await server.connect();
    for (const user of users) await client.users.createUser({ user });
    const sessions = await Promise.all(Array.from({ length: 5 }, () => connectUnread(server.ports.grpcPort)));
    const calls = sessions.flatMap((session) => Array.from({ length: 250 }, () => callListUsers(session)));
    await until(() => sessions.every((_, index) => calls.slice(250 * index).some(({ hasHeader }) => hasHeader)));
    expect(await server.probe(20)).toBe(20);
    expect(server.maxResidentBytes()).toBeLessThan(MAX_RESIDENT_BYTES);
    for (const session of sessions) session.destroy();
    await until(async () => (await server.metric('leat_connections')) <= 2);
    expect(await server.probe(1)).toBe(1);
    expect(server.errors()).toBe('');
  }, 120_000);
});

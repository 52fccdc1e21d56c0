import { once } from 'node:events';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { createLeatClient, LeatError, type LeatClient } from '../../src/client/index.js';
import { startLeat } from '../cli/leat-process.js';
import { frame } from '../support/raw-http2.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';

type Ending = (stream: ServerHttp2Stream) => void;

async function startEndingServer(onStream: Ending) {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session.on('error', () => undefined));
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined).resume();
    onStream(stream);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      sessions.forEach((session) => session.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}

const endings: Readonly<Record<string, Ending>> = {
  ...Object.fromEntries(
    [0, 1, 2, 7, 8, 11].map((code) => [
      `RST_STREAM with code ${code}`,
      (stream: ServerHttp2Stream) => stream.close(code),
    ]),
  ),
  ...Object.fromEntries(
    [1, 2, 11].map((code) => [
      `GOAWAY with code ${code}`,
      ({ session }: ServerHttp2Stream) => session?.destroy(new Error('ended'), code),
    ]),
  ),
  'a session that is destroyed': ({ session }) => session?.destroy(),
  'RST_STREAM without an error after a message': (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.write(frame(Buffer.alloc(0)), () => stream.close(0));
  },
};

const calls: Readonly<Record<string, (client: LeatClient) => Promise<unknown>>> = {
  'with one answer': ({ users }) => users.createUser({ user: { name: 'x' } }),
  'that reads a stream': async ({ events }) => {
    for await (const page of events.listEvents({ topic: 't', follow: true })) void page;
  },
  'that writes a stream': ({ events }) =>
    events.publishEvents(
      (async function* () {
        yield await Promise.resolve({ topic: 't', events: [{ type: 't' }] });
      })(),
    ),
};

let resources: ResourceStack;
beforeEach(() => void (resources = createResourceStack()));
afterEach(() => resources.dispose());

describe.each(Object.entries(calls))('a call %s', (_name, call) => {
  it.each(Object.entries(endings))('fails with UNAVAILABLE, which is retryable, by %s', async (_ending, end) => {
    const server = resources.use(await startEndingServer(end));
    const client = resources.use(createLeatClient({ address: server.address }));
    const error: unknown = await call(client).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LeatError);
    expect(error).toMatchObject({ code: Status.UNAVAILABLE, reason: 'CONNECTION_LOST', retryable: true });
  });
});

describe('a process whose connection was closed by the server', () => {
  it('exits by itself when the client is closed, whatever calls ran', async () => {
    let streams = 0;
    // All of the child's first calls have begun; those behind them stay open.
    const server = resources.use(
      await startEndingServer(({ session }) => {
        if (++streams === 5) session?.destroy(new Error('too many resets'), 11);
      }),
    );
    const program = fileURLToPath(new URL('lost-connection-child.js', import.meta.url));
    const child = startLeat([server.address], { program });
    expect(await child.ended).toEqual({ code: 0, stdout: 'CLIENT_CLOSED\n', stderr: '' });
  }, 30_000);
});

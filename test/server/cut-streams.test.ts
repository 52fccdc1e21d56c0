import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { isAbortError } from 'abort-controller-x';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { connectRaw, frame, type RawCall, type RawConnection } from '../support/raw-http2.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const TIMES = 20;
const message = frame(Buffer.from([0x0a, 1, 0x61]));

/** What a handler of a client stream saw of it. */
interface Seen {
  messages: number;
  /** How its loop came to an end; "done" is what a half-close looks like, and nothing else may. */
  end: 'done' | 'aborted' | 'failed';
}

/** A server whose `upload` notes how every stream ended for it. */
async function startNoting() {
  const seen: Seen[] = [];
  const test = await startTestServer([
    echoService({
      async upload(requests, { signal }) {
        const note: Seen = { messages: 0, end: 'failed' };
        try {
          for await (const _ of requests) note.messages++;
          note.end = 'done';
          expect(signal.aborted).toBe(false);
          return {};
        } catch (error) {
          note.end = isAbortError(error) ? 'aborted' : 'failed';
          throw error;
        } finally {
          seen.push(note);
        }
      },
    }),
  ]);
  return { test, seen };
}

type Way = (call: RawCall, connection: RawConnection) => unknown;

const cuts: readonly (readonly [string, Way])[] = [
  ['RST_STREAM 0', ({ stream }) => stream.close(0)],
  ['RST_STREAM 2', ({ stream }) => stream.close(2)],
  ['RST_STREAM 8', ({ stream }) => stream.close(8)],
  ['a cut of the TCP connection', (_, connection) => connection.cut()],
  ['GOAWAY and a closed connection', (_, { session }) => session.destroy()],
  ['a reset right behind a half-message', ({ stream }) => stream.write(Buffer.from([0, 0]), () => stream.close(8))],
];

async function begin(connection: RawConnection, headers: Record<string, string> = {}): Promise<RawCall> {
  const call = connection.call('/leat.test.Echo/Upload', { headers });
  await new Promise((resolve) => call.stream.write(message, resolve));
  return call;
}

/** Runs one stream after the other, each on a connection of its own. */
async function repeat(test: TestServer, act: (connection: RawConnection) => Promise<unknown>) {
  for (let i = 0; i < TIMES; i++) {
    await using connection = await connectRaw(test.grpcPort);
    await act(connection);
    await test.idle();
  }
}

/** Until the server has begun with as many calls in all. */
async function begun(test: TestServer, count: number) {
  const metric = test.server.registry.getSingleMetric('grpc_server_started_total');
  for (;;) {
    const values = (await metric?.get())?.values ?? [];
    if (values.reduce((sum, { value }) => sum + value, 0) >= count) return;
    await new Promise(setImmediate);
  }
}

describe('a client stream', () => {
  it.each(cuts)('ended by %s is never taken for complete', async (_, cut) => {
    const { test, seen } = await startNoting();
    await using _closing = test;
    let calls = 0;
    await repeat(test, async (connection) => {
      const call = await begin(connection);
      await begun(test, ++calls);
      cut(call, connection);
      await call.ended;
    });
    expect(seen.map(({ end }) => end)).toEqual(Array(TIMES).fill('aborted'));
    expect(test.log.map(({ status }) => status)).toEqual(Array(TIMES).fill('CANCELLED'));
  });

  it('aborted by a gRPC client is never taken for complete', async () => {
    const { test, seen } = await startNoting();
    await using _closing = test;
    for (let i = 0; i < TIMES; i++) {
      const abort = new AbortController();
      const requests = (async function* () {
        yield {};
        await begun(test, i + 1);
        abort.abort();
        await new Promise(() => undefined);
      })();
      const call = test.client(EchoDefinition).upload(requests, { signal: abort.signal });
      await expect(call).rejects.toMatchObject({ name: 'AbortError' });
      await test.idle();
    }
    expect(seen.map(({ end }) => end)).toEqual(Array(TIMES).fill('aborted'));
  });

  it('whose deadline passes is never taken for complete', async () => {
    const { test, seen } = await startNoting();
    await using _closing = test;
    await repeat(test, async (connection) => {
      const { ended } = await begin(connection, { 'grpc-timeout': '20m' });
      await expect(ended).resolves.toMatchObject({ status: 4 });
    });
    expect(seen.map(({ end }) => end)).toEqual(Array(TIMES).fill('aborted'));
  });

  it.each([
    ['a truncated frame', Buffer.from([0, 0, 0, 0, 9, 1]), 'aborted'],
    ['a malformed message', frame(Buffer.alloc(3, 0xff)), 'failed'],
  ])('that ends with %s is refused', async (_, bytes, end) => {
    const { test, seen } = await startNoting();
    await using _closing = test;
    await repeat(test, async (connection) => {
      const { stream, ended } = await begin(connection);
      stream.end(bytes);
      await expect(ended).resolves.toMatchObject({ status: 3 });
    });
    expect(seen).toEqual(Array(TIMES).fill({ messages: 1, end }));
  });

  it('that is half-closed is complete', async () => {
    const { test, seen } = await startNoting();
    await using _closing = test;
    await repeat(test, async (connection) => {
      const { stream, ended } = await begin(connection);
      stream.end(message);
      await expect(ended).resolves.toMatchObject({ status: 0 });
    });
    expect(seen).toEqual(Array(TIMES).fill({ messages: 2, end: 'done' }));
  });

  it('is ended for its handler when the server drains', async () => {
    const { test, seen } = await startNoting();
    await using _closing = test;
    await using connection = await connectRaw(test.grpcPort);
    const { ended } = await begin(connection);
    await begun(test, 1);
    await test.server.drain();
    await expect(ended).resolves.toMatchObject({ status: 14 });
    expect(seen).toEqual([expect.objectContaining({ end: 'aborted' })]);
  });
});

describe('a response stream', () => {
  it.each(cuts)('ended by %s ends its handler', async (_, cut) => {
    let finals = 0;
    await using test = await startTestServer([
      echoService({
        async *download(_request, { signal }) {
          try {
            yield {};
            await once(signal, 'abort');
            signal.throwIfAborted();
          } finally {
            finals++;
          }
        },
      }),
    ]);
    await repeat(test, async (connection) => {
      const call = connection.call('/leat.test.Echo/Download');
      call.stream.end(message);
      await once(call.stream, 'data');
      cut(call, connection);
      await call.ended;
    });
    expect(finals).toBe(TIMES);
  });
});

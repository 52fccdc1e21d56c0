import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { ClientHttp2Stream, Http2Stream } from 'node:http2';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { FRAME_RST_STREAM, startFrameProxy } from '../support/frame-proxy.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const message = frame(Buffer.from([0x0a, 1, 0x61]));
const kinds = Object.values(EchoDefinition.methods).map(({ name }) => `/leat.test.Echo/${name}`);

const forever = async ({ signal }: { readonly signal: AbortSignal }): Promise<never> => {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason as Error;
};

/** No call of it ends by itself. */
const endless = echoService({
  unary: (_request, context) => forever(context),
  upload: (_requests, context) => forever(context),
  async *download(_request, context) {
    yield await forever(context);
  },
  async *chat(_requests, context) {
    yield await forever(context);
  },
});

let test: TestServer;

beforeAll(async () => {
  test = await startTestServer([endless]);
});

afterAll(() => test[Symbol.asyncDispose]());

/** The line of the one call that `make` makes. */
async function lineOf(make: () => Promise<void>) {
  const before = test.log.length;
  await make();
  await until(() => test.log.slice(before).some(({ method }) => method !== undefined));
  return test.log.slice(before).find(({ method }) => method !== undefined);
}

/** Begins a call, and waits until its handler runs. */
async function begin(path: string, headers: Record<string, string> = {}) {
  const connection = await connectRaw(test.grpcPort);
  const call = connection.call(path, { headers });
  if (path.endsWith('Unary') || path.endsWith('Download')) call.stream.end(message);
  else call.stream.write(message);
  await until(() => test.server.calls.size === 1);
  return { connection, ...call };
}

describe.each(kinds)('the line of a call of %s', (path) => {
  it('says that the deadline passed when its client resets it for that', async () => {
    const line = await lineOf(async () => {
      const { connection, stream } = await begin(path, { 'grpc-timeout': '400m' });
      const startedAt = performance.now();
      await until(() => performance.now() - startedAt >= 310);
      stream.close(8);
      await test.idle();
      await connection[Symbol.asyncDispose]();
    });
    expect(line).toMatchObject({ status: 'DEADLINE_EXCEEDED' });
  });

  it('says that the client reset it long before its deadline', async () => {
    const line = await lineOf(async () => {
      const { connection, stream } = await begin(path, { 'grpc-timeout': '1H' });
      stream.close(8);
      await test.idle();
      await connection[Symbol.asyncDispose]();
    });
    expect(line).toMatchObject({ status: 'CANCELLED', error: 'the client reset the stream (CANCEL)' });
  });

  it('says that its connection was lost', async () => {
    const line = await lineOf(async () => {
      const { connection } = await begin(path);
      connection.cut();
      await test.idle();
    });
    expect(line).toMatchObject({ status: 'CANCELLED', error: 'the connection was closed or lost' });
  });
});

describe('the metrics of calls', () => {
  it('count the deadline of a gRPC client as such', async () => {
    const client = new Client(`127.0.0.1:${test.grpcPort}`, credentials.createInsecure());
    const count = async () => {
      const found = /_handled_total\{grpc_method="[^"]*Unary",grpc_code="DEADLINE_EXCEEDED"\} (\d+)/.exec(
        await test.server.registry.metrics(),
      );
      return Number(found?.[1] ?? 0);
    };
    const before = await count();
    const same = (bytes: Buffer) => bytes;
    const failed = await new Promise<ServiceError | null>((resolve) => {
      const deadline = Date.now() + 200;
      client.makeUnaryRequest('/leat.test.Echo/Unary', same, same, Buffer.alloc(0), { deadline }, resolve);
    });
    expect(failed).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await test.idle();
    expect(await count()).toBe(before + 1);
    client.close();
  });
});

const isOfServer = (stream: object | undefined) => stream !== undefined && 'pushStream' in stream;

/** Watches `close` of the streams of servers; returns what gives the codes so far, and ends that. */
function resetsAskedFor(stream: ClientHttp2Stream): () => (number | undefined)[] {
  const shared = Object.getPrototypeOf(Object.getPrototypeOf(stream)) as Http2Stream;
  const spy = jest.spyOn(shared, 'close');
  return () => {
    const codes = spy.mock.calls.filter((_call, index) => isOfServer(spy.mock.contexts[index] as object | undefined));
    spy.mockRestore();
    return codes.map(([code]) => code);
  };
}

describe('a stream with a complete response', () => {
  const withEarlyEnd = echoService({
    async *chat(requests) {
      for await (const request of requests) {
        yield request;
        return;
      }
    },
  });

  /** Codes of the resets that the server asked Node for, and of the RST_STREAM frames that it sent. */
  async function resetsOf(path: string, isHalfClosed: boolean) {
    await using own = await startTestServer([withEarlyEnd]);
    const resets: number[] = [];
    await using proxy = await startFrameProxy(own.grpcPort, {
      toClient({ type, payload }, forward) {
        if (type === FRAME_RST_STREAM) resets.push(payload.readUInt32BE());
        forward();
      },
    });
    await using connection = await connectRaw(proxy.port);
    const call = connection.call(path);
    const asked = resetsAskedFor(call.stream);
    if (isHalfClosed) call.stream.end(message);
    else call.stream.write(message);
    expect(await call.ended).toMatchObject({ status: status.OK, reset: 0 });
    await own.idle();
    // What the server sends for the call comes before the second answer.
    for (let pings = 0; pings < 2; pings++) await new Promise((resolve) => connection.session.ping(resolve));
    return { asked: asked(), sent: resets };
  }

  it.each(kinds)('is not reset when the client of %s half-closed', async (path) => {
    expect(await resetsOf(path, true)).toEqual({ asked: [], sent: [] });
  });

  it('is reset with NO_ERROR when the client has not half-closed', async () => {
    expect(await resetsOf('/leat.test.Echo/Chat', false)).toEqual({ asked: [0], sent: [0] });
  });
});

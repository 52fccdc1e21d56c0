import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { EchoDefinition, echoService } from '../support/echo-service.js';
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

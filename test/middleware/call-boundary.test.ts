import { getEventListeners, once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { Metadata, Status } from 'nice-grpc';
import type { LeatCallContext } from '../../src/middleware/call-context.js';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { startTestServer } from '../support/test-server.js';

/** What a handler was told of its call; it answers with the request id, so that it can be compared. */
async function call(metadata: Record<string, string>) {
  let context: LeatCallContext | undefined;
  let header = Metadata();
  await using test = await startTestServer([
    echoService({
      async unary(_request, given) {
        context = given;
        expect([...given.metadata].map(([key]) => key)).not.toContain('leat-internal-call');
        return {};
      },
    }),
  ]);
  const onHeader = (received: Metadata) => (header = received);
  await test.client(EchoDefinition).unary({}, { metadata: Metadata(metadata), onHeader });
  await test.idle();
  return { context, id: header.get('x-request-id'), log: test.log[0] };
}

describe('a request id', () => {
  it('of the caller goes through the handler and the log and back', async () => {
    const { context, id, log } = await call({ 'x-request-id': 'abc-1' });
    expect([context?.requestId, id, log?.requestId]).toEqual(['abc-1', 'abc-1', 'abc-1']);
  });

  it.each([
    ['is not given', {}],
    ['is empty', { 'x-request-id': '' }],
    ['is too long', { 'x-request-id': 'x'.repeat(129) }],
    ['has blanks', { 'x-request-id': 'a b' }],
  ])('is made if it %s', async (_, metadata) => {
    const { id, context } = await call(metadata);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(context?.requestId).toBe(id);
  });
});

describe('a caller', () => {
  it('has the name it gives itself', async () => {
    const { context, log } = await call({ 'leat-user': 'ada' });
    expect([context?.caller, log?.principal]).toEqual(['ada', 'ada']);
  });

  it('needs none', async () => {
    const { context, log } = await call({});
    expect([context?.caller, log?.principal]).toEqual(['', undefined]);
  });
});

describe('the header of a stream', () => {
  it('comes at once (upload)', async () => {
    const { test, answer } = await startStubborn();
    await using _closing = test;
    const abort = new AbortController();
    const header = await new Promise<Metadata>((resolve) => {
      const options = { signal: abort.signal, onHeader: resolve };
      test
        .client(EchoDefinition)
        .upload(never(), options)
        .catch(() => undefined);
    });
    expect(header.get('x-request-id')).toBeDefined();
    abort.abort();
    answer();
    await test.idle();
  });

  it.each(['download', 'chat'] as const)('comes at once (%s)', async (method) => {
    await using test = await startTestServer([
      echoService({
        async *[method](_request: unknown, { signal }: { signal: AbortSignal }) {
          await once(signal, 'abort');
          yield* [];
          signal.throwIfAborted();
        },
      }),
    ]);
    const abort = new AbortController();
    const header = await new Promise<Metadata>((resolve) => {
      const options = { signal: abort.signal, onHeader: resolve };
      const client = test.client(EchoDefinition);
      const responses = method === 'chat' ? client.chat(never(), options) : client.download({}, options);
      responses[Symbol.asyncIterator]()
        .next()
        .catch(() => undefined);
    });
    expect(header.get('x-request-id')).toBeDefined();
    abort.abort();
    await test.idle();
  });
});

async function* never(): AsyncGenerator<object> {
  await new Promise(() => undefined);
  yield {};
}

function createLatch() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

/** A server whose `upload` notes that it was aborted, and answers nevertheless when it is told to. */
async function startStubborn() {
  const [begun, aborted, told] = [createLatch(), createLatch(), createLatch()];
  const test = await startTestServer([
    echoService({
      async upload(_requests, { signal }) {
        begun.open();
        await once(signal, 'abort');
        aborted.open();
        await told.opened;
        return { id: 'done' };
      },
    }),
  ]);
  return { test, begun: begun.opened, aborted: aborted.opened, answer: told.open };
}

describe('a client stream', () => {
  it('that comes to its answer while the server drains is answered', async () => {
    const { test, begun, aborted, answer } = await startStubborn();
    await using _closing = test;
    const call = test.client(EchoDefinition).upload(never());
    await begun;
    const drained = test.server.drain();
    await aborted;
    answer();
    await expect(call).resolves.toMatchObject({ id: 'done' });
    await drained;
    expect(test.log[0]).toMatchObject({ status: 'OK' });
  });
});

describe('a unary call', () => {
  it('is ended when it takes too long, whatever its handler does', async () => {
    let answer: (message: object) => void = () => undefined;
    let signal: AbortSignal | undefined;
    await using test = await startTestServer(
      [
        echoService({
          unary: (_request, context) => {
            signal = context.signal;
            return new Promise((resolve) => (answer = resolve));
          },
        }),
      ],
      { 'max-unary-duration': '100ms' },
    );
    const call = test.client(EchoDefinition).unary({});
    await expect(call).rejects.toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      details: expect.stringContaining('100 ms'),
      extra: [{ reason: 'DEADLINE_EXCEEDED' }],
    });
    expect(signal?.aborted).toBe(true);
    await test.idle();
    answer({});
  });

  it('leaves no listener on its signal', async () => {
    const signals: AbortSignal[] = [];
    await using test = await startTestServer([
      echoService({
        unary: async (_request, context) => {
          signals.push(context.signal);
          await context.outbox.waitUntilBelow(1, context.signal);
          return {};
        },
      }),
    ]);
    await test.client(EchoDefinition).unary({});
    await test.idle();
    expect(signals.map((signal) => getEventListeners(signal, 'abort').length)).toEqual([0]);
  });

  it('goes on while the server drains, and no other begins', async () => {
    let answer: (message: object) => void = () => undefined;
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    await using test = await startTestServer([
      echoService({
        unary: () => {
          begin();
          return new Promise((resolve) => (answer = resolve));
        },
      }),
    ]);
    const call = test.client(EchoDefinition).unary({});
    await begun;
    const drained = test.server.drain();
    answer({ id: 'done' });
    await expect(call).resolves.toMatchObject({ id: 'done' });
    await drained;
    await expect(test.client(EchoDefinition).unary({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
  });

  it('is told to come back when draining takes too long', async () => {
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    await using test = await startTestServer(
      [
        echoService({
          unary: () => {
            begin();
            return new Promise(() => undefined);
          },
        }),
      ],
      { 'drain-timeout': '50ms' },
    );
    const call = test.client(EchoDefinition).unary({});
    const refused = expect(call).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      extra: [{ reason: 'DRAINING' }, { retryDelay: { seconds: 1 } }],
    });
    await begun;
    await test.server.drain();
    await refused;
  });
});

describe('the handler of a unary call', () => {
  it('knows what came with it, and may send more than its answer', async () => {
    let header = Metadata();
    let trailer = Metadata();
    await using test = await startTestServer([
      echoService({
        async unary(_request, context) {
          context.header.set('x-given', context.metadata.get('x-given') ?? '');
          context.trailer.set('x-peer', context.peer);
          context.sendHeader();
          return {};
        },
      }),
    ]);
    await test.client(EchoDefinition).unary(
      {},
      {
        metadata: Metadata({ 'x-given': 'a' }),
        onHeader: (received) => (header = received),
        onTrailer: (received) => (trailer = received),
      },
    );
    expect([header.get('x-given'), trailer.get('x-peer')]).toEqual(['a', expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
  });
});

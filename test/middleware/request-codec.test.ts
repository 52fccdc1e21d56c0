import { describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { Event } from '../../gen/leat/v1/event.js';
import { DomainError } from '../../src/domain/errors.js';
import { served } from '../../src/server/served-service.js';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { startTestServer } from '../support/test-server.js';

const client = async (service: ReturnType<typeof echoService>) => {
  const test = await startTestServer([service]);
  return { test, client: test.client(EchoDefinition), [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() };
};

const unsendable = { time: { seconds: 'soon' as unknown as bigint, nanos: 0 } };

const unused = () => Promise.reject(new Error('not part of the test'));
async function* unusedStream(): AsyncGenerator<object> {
  yield* [];
  await unused();
}

describe('a strict codec', () => {
  it('keeps every field of a message, on the way in and out', async () => {
    await using echo = await client(echoService());
    const event: Event = {
      id: '\ufeffid',
      type: 'größe.€.😀',
      subject: 's',
      time: { seconds: -1n, nanos: 1 },
      contentType: '',
      payload: { $case: 'data', value: Uint8Array.of(0, 255, 128) },
      attributes: new Map([['k', 'v']]),
      source: '',
    };
    const answer = await echo.client.unary(event);
    expect(answer).toEqual({ ...event, payload: { $case: 'data', value: Buffer.from([0, 255, 128]) } });
  });

  it('counts the bytes of both directions', async () => {
    await using echo = await client(echoService());
    const id = 'x'.repeat(1_000);
    await echo.client.unary({ id });
    await echo.test.idle();
    expect(echo.test.log).toMatchObject([{ bytesIn: 1_003, bytesOut: 1_003, messagesIn: 1, messagesOut: 1 }]);
  });

  it('makes an answer that cannot be encoded an internal error', async () => {
    await using echo = await client(echoService({ unary: async () => unsendable }));
    await expect(echo.client.unary({})).rejects.toMatchObject({ code: Status.INTERNAL });
    await echo.test.idle();
    expect(echo.test.log[0]?.err).toBeDefined();
  });

  it('ends a handler whose stream cannot be encoded', async () => {
    let ended = false;
    await using echo = await client(
      echoService({
        async *download() {
          try {
            yield {};
            yield unsendable;
          } finally {
            ended = true;
          }
        },
      }),
    );
    const responses = echo.client.download({})[Symbol.asyncIterator]();
    await responses.next();
    await expect(responses.next()).rejects.toMatchObject({ code: Status.INTERNAL });
    expect(ended).toBe(true);
  });
});

describe('an override', () => {
  it('hands raw bytes to a handler, and sends raw bytes', async () => {
    const shared = Event.encode(Event.create({ id: 'shared' })).finish();
    const service = served(
      EchoDefinition,
      {
        unary: async (bytes: Uint8Array) => bytes,
        upload: unused,
        async *download() {
          // A view of something larger, and the same bytes twice.
          const larger = new Uint8Array(shared.length + 2);
          larger.set(shared, 1);
          yield larger.subarray(1, -1);
          yield shared;
          yield shared;
        },
        chat: unusedStream,
      },
      {
        unary: { requestDeserialize: (bytes: Uint8Array) => bytes, responseSerialize: (bytes: Uint8Array) => bytes },
        download: { responseSerialize: (bytes: Uint8Array) => bytes },
      },
    );
    await using echo = await client(service);
    await expect(echo.client.unary({ id: 'a' })).resolves.toMatchObject({ id: 'a' });
    const ids: string[] = [];
    for await (const { id } of echo.client.download({})) ids.push(id);
    expect(ids).toEqual(['shared', 'shared', 'shared']);
    expect(Event.decode(shared).id).toBe('shared');
  });

  it.each([
    ['an Error', new Error('a wrong tag'), 'MALFORMED_MESSAGE', 'a wrong tag'],
    ['a domain error', new DomainError('invalid', 'TOO_MANY', 'too many'), 'TOO_MANY', 'too many'],
  ])('may refuse a message by throwing %s', async (_, error, reason, words) => {
    const refuse = (): Event => {
      throw error;
    };
    const service = served(
      EchoDefinition,
      { unary: unused, upload: unused, download: unusedStream, chat: unusedStream },
      { unary: { requestDeserialize: refuse } },
    );
    await using echo = await client(service);
    await expect(echo.client.unary({})).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      details: expect.stringContaining(words),
      extra: [{ reason }],
    });
  });
});

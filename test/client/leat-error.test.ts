import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ClientError, Status } from 'nice-grpc-common';
import { createLeatClient, LeatError, type LeatClient } from '../../src/client/index.js';
import { openDetails } from '../../src/client/error-details.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';

let server: LeatServer;
let client: LeatClient;
beforeAll(async () => {
  server = await startLeat();
  client = createLeatClient({ address: `127.0.0.1:${server.grpcPort}`, user: 'ada' });
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function* stream<T>(...items: T[]) {
  yield* items;
}

describe('LeatError.from', () => {
  it('makes one of anything at all, with a code and a text, and throws nothing', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withSparseArray: true }), (thrown) => {
        const error = LeatError.from(thrown);
        expect(error).toBeInstanceOf(LeatError);
        expect(typeof error.message === 'string' && error.message !== '' && error.code in Status).toBe(true);
        expect(LeatError.from(error)).toBe(error);
      }),
    );
  });

  const hostile: [string, unknown][] = [
    ['a symbol', Symbol('s')],
    ['an object without a prototype', Object.create(null)],
    ['a text that throws', { toString: () => fail() }],
    ['a message that throws', Object.defineProperty({}, 'message', { get: () => fail() })],
    ['a proxy that throws', new Proxy({}, { get: fail, getPrototypeOf: fail, has: fail })],
    ['a revoked proxy', revoked()],
    ['nothing', undefined],
    ['null', null],
  ];
  it.each(hostile)('makes one of %s', (_name, thrown) => {
    expect(LeatError.from(thrown)).toMatchObject({ name: 'LeatError', code: Status.UNKNOWN, retryable: false });
  });

  it('keeps what was thrown as the cause', () => {
    const cause = new TypeError('x is not a function');
    expect(LeatError.from(cause)).toMatchObject({ code: Status.UNKNOWN, message: cause.message, cause });
  });

  it('knows the aborts of callers', () => {
    const abort = new AbortController();
    abort.abort();
    expect(LeatError.from(abort.signal.reason)).toMatchObject({ code: Status.CANCELLED, reason: 'ABORTED_BY_CALLER' });
  });

  it('takes code and text of any gRPC client error', () => {
    const error = LeatError.from(new ClientError('/s/m', Status.NOT_FOUND, 'gone'));
    expect(error).toMatchObject({ code: Status.NOT_FOUND, message: 'gone', metadata: {}, violations: [] });
  });
});

describe('openDetails', () => {
  it('says nothing about bytes that are no details, and throws nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(typeof openDetails(bytes)).toBe('object');
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('an error of the service', () => {
  it('brings reason and all field violations', async () => {
    const error = await failureOf(client.users.createUser({ user: { userId: '-', email: 'x' } }));
    expect(error).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: 'INVALID_FIELD', retryable: false });
    const { violations } = error as LeatError;
    expect(violations.map(({ field }) => field).sort()).toEqual(['user.email', 'user.name', 'user.user_id']);
  });

  it('brings the current values', async () => {
    const event = { type: 't' };
    await client.events.publishEvent({ topic: 'conditional', event });
    const call = client.events.publishEvent({ topic: 'conditional', event, expectedLastOffset: 7n });
    expect(await failureOf(call)).toMatchObject({
      code: Status.ABORTED,
      reason: 'OFFSET_CONFLICT',
      metadata: { last_offset: '1' },
    });
  });

  it('brings how much of a stream is durable', async () => {
    const good = { topic: 'log', events: [{ type: 'a' }, { type: 'b' }] };
    const call = client.events.publishEvents(stream(good, { topic: 'log', events: [{ type: '' }] }));
    expect(await failureOf(call)).toMatchObject({
      progress: { committedMessages: 1n, topics: [{ topic: 'log', accepted: 2n, lastOffset: 2n }] },
    });
  });

  it('comes from streams that are read, too', async () => {
    const pages = client.events.listEvents({ topic: 'log', start: { position: { $case: 'afterOffset', value: 9n } } });
    const call = pages[Symbol.asyncIterator]().next();
    expect(await failureOf(call)).toMatchObject({ name: 'LeatError', reason: 'OFFSET_BEYOND_HEAD' });
  });
});

function fail(): never {
  throw new Error('do not look at me');
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClientError, Status } from 'nice-grpc';
import { backoffDelay } from '../../src/client/backoff.js';
import { isTransient, readCallError, type CallError } from '../../src/client/call-error.js';
import { connect, type LeatClient } from '../../src/client/connect.js';
import { startService, type TestService } from '../cli/leat-process.js';

let service: TestService;
let client: LeatClient;
beforeAll(async () => {
  service = await startService();
  client = connect({ address: service.address, user: 'ada' });
});
afterAll(async () => {
  client.close();
  await service[Symbol.asyncDispose]();
});

async function failureOf(call: Promise<unknown>): Promise<CallError | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => readCallError(error),
  );
}

async function* stream<T>(...items: T[]) {
  yield* items;
}

describe('readCallError', () => {
  it('opens reason, current values and field violations', async () => {
    const failure = await failureOf(client.users.createUser({ user: { userId: '-', email: 'x' } }));
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: 'INVALID_FIELD' });
    expect(failure?.violations.map(({ field }) => field).sort()).toEqual(['user.email', 'user.name', 'user.user_id']);
  });

  it('opens how much of a stream is durable', async () => {
    const good = { topic: 'log', events: [{ type: 'a' }, { type: 'b' }] };
    const failure = await failureOf(
      client.events.publishEvents(stream(good, { topic: 'log', events: [{ type: '' }] })),
    );
    expect(failure?.progress).toMatchObject({
      committedMessages: 1n,
      topics: [{ topic: 'log', accepted: 2n, lastOffset: 2n }],
    });
  });

  it('knows nothing of errors that did not come from a call', () => {
    expect(readCallError(new Error('other'))).toBeUndefined();
  });

  it('calls under the name that was given', async () => {
    await client.events.publishEvent({ topic: 'signed', event: { type: 't' } });
    for await (const { records } of client.events.listEvents({ topic: 'signed' })) {
      for (const { author } of records) expect(author).toBe('ada');
    }
    expect.assertions(1);
  });
});

describe('isTransient', () => {
  const failure = (code: Status, more: Partial<CallError> = {}): CallError => ({
    ...readCallError(new ClientError('/x', code, 'text')),
    ...(more as CallError),
  });

  it('tells a lost connection and an invitation to come again from a verdict', () => {
    expect(isTransient(failure(Status.UNAVAILABLE))).toBe(true);
    expect(isTransient(failure(Status.RESOURCE_EXHAUSTED, { reason: 'OVERLOADED', retryAfterMs: 5 }))).toBe(true);
    expect(isTransient(failure(Status.INTERNAL))).toBe(true);
    expect(isTransient(failure(Status.INTERNAL, { reason: 'INTERNAL' }))).toBe(false);
    expect(isTransient(failure(Status.RESOURCE_EXHAUSTED))).toBe(false);
    expect(isTransient(failure(Status.NOT_FOUND))).toBe(false);
  });
});

describe('backoffDelay', () => {
  it('doubles up to its bound, and stays in the upper half', () => {
    const delays = (random: number) =>
      [1, 2, 3, 9, 5_000].map((attempt) => backoffDelay(attempt, { random: () => random }));
    expect(delays(0)).toEqual([50, 100, 200, 2_500, 2_500]);
    expect(delays(1)).toEqual([100, 200, 400, 5_000, 5_000]);
  });
});

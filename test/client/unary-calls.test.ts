import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { createLeatClient, LeatError, type ClientOptions, type LeatClient } from '../../src/client/index.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { until } from '../support/until.js';
import { failure, startScriptedService, type Answer, type ScriptedService } from './scripted-service.js';

let resources: ResourceStack;
let service: ScriptedService;
beforeEach(async () => {
  resources = createResourceStack();
  service = resources.use(await startScriptedService());
});
afterEach(() => resources.dispose());

function connect(options: Partial<ClientOptions> = {}): LeatClient {
  const backoff = { initialMs: 1, maxMs: 5 };
  return resources.use(createLeatClient({ address: service.address, backoff, ...options }));
}

async function failureOf(call: Promise<unknown>): Promise<LeatError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LeatError) return error;
  throw new Error('the call did not fail as calls do', { cause: error });
}

/** How long the service was told that it has. */
function sentTimeoutsMs(): number[] {
  const units: Record<string, number> = { n: 1e-6, u: 1e-3, m: 1, S: 1_000, M: 60_000, H: 3_600_000 };
  return service.calls.map(({ 'grpc-timeout': timeout }) => {
    const text = String(timeout);
    return Number(text.slice(0, -1)) * (units[text.slice(-1)] ?? NaN);
  });
}

const unavailable = failure(Status.UNAVAILABLE, 'DRAINING', 1);
const user = { userId: 'ada', name: 'Ada' };
const event = { id: 'e-1', type: 't' };

type Call = (client: LeatClient) => Promise<unknown>;
const safe: Record<string, Call> = {
  getUser: ({ users }) => users.getUser({ key: { $case: 'userId', value: 'ada' } }),
  listUsers: ({ users }) => users.listUsers({}),
  'createUser with an id': ({ users }) => users.createUser({ user }),
  'deleteUser with allow_missing': ({ users }) => users.deleteUser({ userId: 'ada', allowMissing: true }),
  getTopic: ({ events }) => events.getTopic({ topic: 't' }),
  listTopics: ({ events }) => events.listTopics({}),
  getProducer: ({ events }) => events.getProducer({ topic: 't', producerId: 'p' }),
  trimTopic: ({ events }) => events.trimTopic({ topic: 't', beforeOffset: 2n }),
  'publishEvent with an id': ({ events }) => events.publishEvent({ topic: 't', event }),
  commitCursor: ({ events }) => events.commitCursor({ topic: 't', cursor: 'c', offset: 1n }),
};
const unsafe: Record<string, Call> = {
  'createUser without an id': ({ users }) => users.createUser({ user: { name: 'Ada' } }),
  updateUser: ({ users }) => users.updateUser({ user }),
  deleteUser: ({ users }) => users.deleteUser({ userId: 'ada' }),
  updateTopic: ({ events }) => events.updateTopic({ topic: { topic: 't' } }),
  deleteTopic: ({ events }) => events.deleteTopic({ topic: 't' }),
  'publishEvent without an id': ({ events }) => events.publishEvent({ topic: 't', event: { type: 't' } }),
  'commitCursor with rewind': ({ events }) => events.commitCursor({ topic: 't', cursor: 'c', rewind: true }),
};

describe('a call with one answer', () => {
  it.each(Object.entries(safe))('is repeated while that may help: %s', async (_name, call) => {
    service.script(unavailable, 'reset', failure(Status.UNAVAILABLE));
    await call(connect());
    expect(service.calls).toHaveLength(4);
  });

  it.each(Object.entries(unsafe))('is not repeated if that may do harm: %s', async (_name, call) => {
    service.script(unavailable);
    expect(await failureOf(call(connect()))).toMatchObject({ code: Status.UNAVAILABLE, reason: 'DRAINING' });
    expect(service.calls).toHaveLength(1);
  });

  const verdicts: [string, Answer][] = [
    ...[3, 5, 6, 7, 9, 10, 11, 12, 15, 16].map((code): [string, Answer] => [Status[code] ?? '', failure(code, 'R')]),
    ['an INTERNAL error of the service', failure(Status.INTERNAL, 'INTERNAL')],
    ['an exhaustion that does not pass', failure(Status.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE', 1)],
    ['an exhaustion without a time', failure(Status.RESOURCE_EXHAUSTED, 'OVERLOADED')],
    ['a deadline that the service saw', failure(Status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED')],
  ];
  it.each(verdicts)('is not repeated after a verdict: %s', async (_name, answer) => {
    service.script(answer);
    await failureOf(connect().users.listUsers({}));
    expect(service.calls).toHaveLength(1);
  });

  it('is repeated when an overload has a time after which it is over, not before that time', async () => {
    service.script(failure(Status.RESOURCE_EXHAUSTED, 'OVERLOADED', 60));
    const start = performance.now();
    await connect().users.listUsers({});
    expect(service.calls).toHaveLength(2);
    // A lower bound holds on any machine.
    expect(performance.now() - start).toBeGreaterThanOrEqual(59);
  });

  it('is given up after as many tries as the client is told, with the last failure', async () => {
    service.script(unavailable, unavailable, failure(Status.UNAVAILABLE, 'LAST'));
    expect(await failureOf(connect({ maxAttempts: 3 }).users.listUsers({}))).toMatchObject({ reason: 'LAST' });
    expect(service.calls).toHaveLength(3);
  });

  it('is tried once if it says so', async () => {
    service.script(unavailable);
    await failureOf(connect().users.listUsers({}, { retry: false }));
    expect(service.calls).toHaveLength(1);
  });

  it('fails at once if the wait would leave no time to try again', async () => {
    service.script(failure(Status.UNAVAILABLE, 'DRAINING', 3_600_000));
    expect(await failureOf(connect().users.listUsers({}))).toMatchObject({ retryAfterMs: 3_600_000 });
    expect(service.calls).toHaveLength(1);
  });

  it('ends with an AbortError at its signal, while it waits for an answer and while it waits to try again', async () => {
    service.script('silence', failure(Status.UNAVAILABLE, 'DRAINING', 5_000));
    const client = connect();
    for (const calls of [1, 2]) {
      const abort = new AbortController();
      const call = client.users.listUsers({}, { signal: abort.signal });
      await until(() => service.calls.length === calls);
      if (calls === 2) await until(() => service.open() === 0);
      abort.abort();
      await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    }
    await until(() => service.open() === 0);
  });
});

describe('the deadline of a call', () => {
  it('is on the wire, 10 seconds if nothing else is said', async () => {
    const client = connect();
    await client.users.listUsers({});
    await client.events.publishEvent({ topic: 't', event: { type: 't' } }, { timeoutMs: 60_000 });
    await connect({ timeoutMs: 3_000 }).users.listUsers({});
    const [first = 0, second = 0, third = 0] = sentTimeoutsMs();
    expect(first > 5_000 && first <= 10_000 && second > 50_000 && second <= 60_000 && third <= 3_000).toBe(true);
  });

  it('ends the call here too, and there', async () => {
    service.script('silence');
    const error = await failureOf(connect().users.listUsers({}, { timeoutMs: 50 }));
    expect(error.code).toBe(Status.DEADLINE_EXCEEDED);
    await until(() => service.open() === 0);
  });

  it('is one for all tries: later ones are sent what is left', async () => {
    service.script(failure(Status.UNAVAILABLE, 'DRAINING', 120));
    await connect().users.listUsers({});
    const [first = 0, second = 0] = sentTimeoutsMs();
    expect(first - second).toBeGreaterThanOrEqual(100);
  });

  it('is not set for streams, unless it is asked for', async () => {
    const client = connect();
    for await (const _page of client.events.listEvents({ topic: 't' })) break;
    for await (const _page of client.events.listEvents({ topic: 't' }, { timeoutMs: 4_000 })) break;
    expect(service.calls[0]?.['grpc-timeout']).toBeUndefined();
    expect(sentTimeoutsMs()[1]).toBeLessThanOrEqual(4_000);
  });

  it('does not pass to calls that run at the same time', async () => {
    const client = connect();
    const page = client.events.listEvents({ topic: 't' })[Symbol.asyncIterator]();
    await Promise.all([client.users.listUsers({}), page.next(), client.users.listUsers({}, { timeoutMs: 2_000 })]);
    const timeouts = sentTimeoutsMs().map((ms) => (ms > 5_000 ? 'default' : ms > 0 ? 'short' : 'none'));
    expect(timeouts.sort()).toEqual(['default', 'none', 'short']);
  });
});

describe('the token', () => {
  const authorizations = () => service.calls.map(({ authorization }) => authorization);

  it('goes with every call, and a function is asked for each try', async () => {
    let asked = 0;
    const client = connect({ token: async () => `token-${++asked}` });
    service.script(unavailable);
    await client.users.listUsers({});
    for await (const _page of client.events.listEvents({ topic: 't' })) break;
    await connect({ token: 'fixed', user: 'ada' }).users.listUsers({});
    expect(authorizations()).toEqual(['Bearer token-1', 'Bearer token-2', 'Bearer token-3', 'Bearer fixed']);
    expect(service.calls.at(-1)?.['leat-user']).toBe('ada');
  });

  it('is asked for again when there was none, and the call fails with its cause when there still is none', async () => {
    const causes = [new Error('no network'), new Error('no network')];
    const token = () => {
      const cause = causes.shift();
      if (cause !== undefined) throw cause;
      return 'good';
    };
    await connect({ token }).users.listUsers({});
    expect(authorizations()).toEqual(['Bearer good']);
    const refused = new Error('refused');
    const error = await failureOf(connect({ token: () => Promise.reject(refused) }).users.listUsers({}));
    expect(error).toMatchObject({ code: Status.UNAUTHENTICATED, reason: 'TOKEN_FAILED', cause: refused });
    expect(error.message).toBe('there is no token: refused');
    expect(service.calls).toHaveLength(1);
  });

  it.each([undefined, '', 'two words', 'line\nfeed', 7])('is not sent if it is none: %p', async (none) => {
    const error = await failureOf(connect({ token: () => none as string }).users.listUsers({}));
    expect(error.reason).toBe('TOKEN_FAILED');
    expect(service.calls).toHaveLength(0);
  });

  it('that never comes ends with the deadline, or the signal', async () => {
    const client = connect({ token: () => new Promise(() => undefined) });
    const error = await failureOf(client.users.listUsers({}, { timeoutMs: 20 }));
    expect(error.code).toBe(Status.DEADLINE_EXCEEDED);
    const abort = new AbortController();
    const call = client.users.listUsers({}, { signal: abort.signal });
    abort.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('close', () => {
  it.each<[string, (client: LeatClient) => Promise<unknown>]>([
    ['with one answer', ({ users }) => users.listUsers({}, { timeoutMs: Infinity })],
    ['that reads a stream', ({ events }) => events.listEvents({ topic: 't' })[Symbol.asyncIterator]().next()],
    ['that writes a stream', ({ events }) => events.publishEvents(silence())],
    ['that does both', ({ chat }) => chat.chat(silence())[Symbol.asyncIterator]().next()],
  ])('ends a raw call %s at once, here and on the service', async (_name, start) => {
    const client = connect();
    service.script('silence');
    const call = failureOf(start(client));
    await until(() => service.open() === 1);
    await client.close();
    expect(await call).toMatchObject({ reason: 'CLIENT_CLOSED', retryable: false });
    await until(() => service.open() === 0);
  });

  it('makes calls fail at once with CLIENT_CLOSED, and may be repeated', async () => {
    const client = connect();
    await client.users.listUsers({});
    await client.close();
    await client.close();
    expect(await failureOf(client.users.listUsers({}))).toMatchObject({ reason: 'CLIENT_CLOSED' });
    expect(service.calls).toHaveLength(1);
  });
});

async function* silence(): AsyncGenerator<never> {
  yield await new Promise<never>(() => undefined);
}

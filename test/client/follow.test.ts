import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import {
  createLeatClient,
  LeatError,
  type ClientOptions,
  type FollowedEvent,
  type FollowOptions,
  type FollowStatus,
  type LeatClient,
} from '../../src/client/index.js';
import { startCuttingProxy } from '../support/cutting-proxy.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { until } from '../support/until.js';
import { startScriptedService } from './scripted-service.js';

const TOTAL = 3_000;
const backoff = { initialMs: 1, maxMs: 5 };
let server: LeatServer;
let client: LeatClient;
let resources: ResourceStack;
let topics = 0;

beforeAll(async () => {
  server = await startLeat();
  client = createLeatClient({ address: addressOf(server.grpcPort) });
  await publish('log', TOTAL);
});
afterAll(async () => {
  await client.close();
  await server.idle();
  await server[Symbol.asyncDispose]();
});
beforeEach(() => void (resources = createResourceStack()));
afterEach(async () => {
  await resources.dispose();
  // Whatever a test left open would be a call on the server.
  await server.idle();
});

const addressOf = (port: number) => `127.0.0.1:${port}`;
const freshTopic = () => `fresh/${++topics}`;
const all = Array.from({ length: TOTAL }, (_none, index) => index + 1);

/** Events with the payloads `first`, `first + 1`, …; every third is of type "third". */
async function publish(topic: string, count: number, first = 1): Promise<void> {
  const numbers = Array.from({ length: count }, (_none, index) => first + index);
  const events = numbers.map((number) => ({
    type: number % 3 === 0 ? 'third' : 'other',
    payload: { $case: 'text' as const, value: `${number} ${'x'.repeat(100)}` },
  }));
  await client.publish(topic, events);
}

function connect(port: number, options: Partial<ClientOptions> = {}): LeatClient {
  return resources.use(createLeatClient({ address: addressOf(port), ...options }));
}

const numberOf = ({ offset }: FollowedEvent) => Number(offset);

async function read(options: FollowOptions, topic = 'log', reader = client): Promise<FollowedEvent[]> {
  const events: FollowedEvent[] = [];
  for await (const event of reader.follow(topic, { live: false, backoff, ...options })) events.push(event);
  return events;
}

const offsets = async (options: FollowOptions, topic?: string) => (await read(options, topic)).map(numberOf);

async function failureOf(act: Promise<unknown>): Promise<LeatError> {
  const error = await act.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LeatError) return error;
  throw new Error('it did not fail as it should', { cause: error });
}

describe('where a follow begins and ends', () => {
  it('is the first event and the head, or what it is told', async () => {
    expect(await offsets({})).toEqual(all);
    expect(await offsets({ start: 'first', limit: 2 })).toEqual([1, 2]);
    expect(await offsets({ start: { afterOffset: 2_990 }, before: 2_995 })).toEqual([2_991, 2_992, 2_993, 2_994]);
    expect(await offsets({ start: { last: 2 } })).toEqual([2_999, 3_000]);
    expect(await offsets({ start: { fromTime: new Date(0) }, limit: 1 })).toEqual([1]);
    expect(await offsets({ before: new Date(0) })).toEqual([]);
    expect(await offsets({ start: 'now' })).toEqual([]);
    expect(await offsets({ start: { cursor: 'never-committed' }, limit: 1 })).toEqual([1]);
    const filter = { types: ['th*'], attributes: {} };
    expect(await offsets({ filter, limit: 3 })).toEqual([3, 6, 9]);
  });

  it('may be any event, by its checkpoint: what comes after is the rest, whatever the filter', async () => {
    const events = await read({});
    for (const at of [0, 1, 500, 1_234, 2_998, 2_999]) {
      const start = { checkpoint: events[at]?.checkpoint ?? '' };
      expect(await offsets({ start })).toEqual(all.slice(at + 1));
      expect(await offsets({ start, filter: { types: ['third'] }, limit: 2 })).toEqual(
        all
          .slice(at + 1)
          .filter((offset) => offset % 3 === 0)
          .slice(0, 2),
      );
    }
  });

  it('may be a checkpoint whose page has been trimmed as far as it was done', async () => {
    const topic = freshTopic();
    await publish(topic, 20);
    const [, , , , fifth] = await read({}, topic);
    const start = { checkpoint: fifth?.checkpoint ?? '' };
    await client.events.trimTopic({ topic, beforeOffset: 6n });
    expect(await offsets({ start }, topic)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    await client.events.trimTopic({ topic, beforeOffset: 7n });
    expect(await failureOf(read({ start }, topic))).toMatchObject({
      code: Status.OUT_OF_RANGE,
      reason: 'OFFSET_TRIMMED',
      metadata: { first_offset: '7' },
    });
  });

  it('is refused if the checkpoint is of another topic, of another store, or none', async () => {
    const [event] = await read({ limit: 1 });
    const start = { checkpoint: event?.checkpoint ?? '' };
    expect(await failureOf(read({ start }, 'other'))).toMatchObject({ reason: 'TOKEN_MISMATCH' });
    const restored = resources.use(await startLeat());
    const other = connect(restored.grpcPort);
    await other.events.publishEvent({ topic: 'log', event: { type: 't' } });
    expect(await failureOf(read({ start }, 'log', other))).toMatchObject({ reason: 'EPOCH_CHANGED' });
    for (const checkpoint of ['', 'x', '1', '1.', '.x', `1.${'x'.repeat(300)}`, '-1.x', '1.x y']) {
      expect(await failureOf(read({ start: { checkpoint } }))).toMatchObject({ reason: 'INVALID_CHECKPOINT' });
    }
  });

  it('is the head at the first page, whatever is written while the connection is cut', async () => {
    const topic = freshTopic();
    await publish(topic, 2_000);
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    proxy.plan({ toClient: 100_000 });
    const seen: number[] = [];
    for await (const event of connect(proxy.port).follow(topic, { live: false, backoff })) {
      if (seen.push(numberOf(event)) === 1) await publish(topic, 10);
    }
    expect(seen).toEqual(all.slice(0, 2_000));
    expect(proxy.cuts).toBe(1);
  });
});

describe('what a follow tells', () => {
  it('is its state and its lag, and every lost connection', async () => {
    const topic = freshTopic();
    await publish(topic, 2_500);
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const told: FollowStatus[] = [];
    const onState = (status: FollowStatus) => told.push(status);
    const reading = connect(proxy.port).follow(topic, { backoff, onState });
    expect(reading.status).toMatchObject({ state: 'connecting', readOffset: -1n });
    await reading.next();
    expect(reading.status).toEqual({ state: 'replaying', readOffset: 1n, headOffset: 2_500n, lag: 2_499n });
    for (let offset = 2; offset <= 2_500; offset++) await reading.next();
    expect(reading.status).toMatchObject({ state: 'replaying', lag: 0n });
    const next = reading.next();
    await until(() => reading.status.state === 'live');
    proxy.cutNow();
    await until(() => reading.status.state === 'reconnecting');
    expect(told.at(-1)).toMatchObject({ state: 'reconnecting', attempt: 1, error: { code: Status.UNAVAILABLE } });
    await publish(topic, 1);
    expect((await next).value?.offset).toBe(2_501n);
    await reading.return();
    expect(reading.status.state).toBe('ended');
    const states = told.map(({ state }) => state);
    expect([...states.slice(0, 3), states.at(-1)]).toEqual(['replaying', 'live', 'reconnecting', 'ended']);
  });

  it('ends it with what its listener throws', async () => {
    const cause = new Error('listener');
    const onState = () => {
      throw cause;
    };
    expect(await failureOf(read({ onState }))).toMatchObject({ message: 'listener', cause });
  });
});

describe('a follow that fails', () => {
  it.each<[string, FollowOptions, string, Partial<LeatError>]>([
    ['a topic name that is none', {}, 'Not a topic', { code: Status.INVALID_ARGUMENT, reason: 'INVALID_FIELD' }],
    ['a place that is not there', { start: { afterOffset: 1e6 } }, 'log', { reason: 'OFFSET_BEYOND_HEAD' }],
    ['a filter that is none', { filter: { types: [''] } }, 'log', { reason: 'INVALID_FIELD' }],
    ['a heartbeat that is none', { heartbeatMs: 1 }, 'log', { reason: 'INVALID_FIELD' }],
  ])('says what the service says: %s', async (_name, options, topic, expected) => {
    expect(await failureOf(read(options, topic))).toMatchObject(expected);
  });

  it('says that the events it was to read are trimmed, while it reads', async () => {
    const topic = freshTopic();
    await publish(topic, 2_500);
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const seen: number[] = [];
    const reading = (async () => {
      for await (const event of connect(proxy.port, { flowControlWindow: 65_535 }).follow(topic, { backoff })) {
        if (seen.push(numberOf(event)) > 1) continue;
        await client.events.trimTopic({ topic, beforeOffset: 2_400n });
        proxy.cutNow();
      }
    })();
    expect(await failureOf(reading)).toMatchObject({ reason: 'OFFSET_TRIMMED', metadata: { first_offset: '2400' } });
    expect(seen).toEqual(all.slice(0, seen.length));
  });

  it('tries as often as it is told, before and after the first page', async () => {
    const nobody = resources.use(createLeatClient({ address: '127.0.0.1:1' }));
    const told: FollowStatus[] = [];
    const onState = (status: FollowStatus) => told.push(status);
    const failed = failureOf(read({ maxFirstAttempts: 3, onState }, 'log', nobody));
    expect(await failed).toMatchObject({ code: Status.UNAVAILABLE });
    expect(told.map(({ attempt }) => attempt)).toEqual([1, 2, undefined]);

    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    proxy.plan({ toClient: 200_000 }, { toClient: 0 }, { toClient: 0 }, { toClient: 0 });
    const seen = read({ maxAttempts: 2, maxFirstAttempts: 1 }, 'log', connect(proxy.port));
    expect(await failureOf(seen)).toMatchObject({ code: Status.UNAVAILABLE });
  });

  it('outlives tokens that fail during a long outage', async () => {
    const answers = ['good', 'good', 'none', 'good', 'good', 'none', 'good', 'good', 'none', 'none', 'none', 'none'];
    const token = () => {
      if (answers.shift() === 'none') throw new Error('no token today');
      return 'good';
    };
    const service = resources.use(await startScriptedService());
    service.script(...Array.from({ length: 6 }, () => 'reset' as const), 'silence');
    const told: FollowStatus[] = [];
    const onState = (status: FollowStatus) => told.push(status);
    const reading = resources
      .use(createLeatClient({ address: service.address, token }))
      .follow('log', { backoff, onState });
    const next = reading.next();
    next.catch(() => undefined); // Told by what is missing below.
    await until(() => service.calls.length === 7 || reading.status.state === 'ended');
    const failures = told.filter(({ state }) => state === 'reconnecting').map(({ error }) => error?.reason ?? 'lost');
    expect(failures).toHaveLength(12);
    expect(failures.slice(-4)).toEqual(Array.from({ length: 4 }, () => 'TOKEN_FAILED'));
    expect(reading.status.attempt).toBe(12);
    await reading.return();
  });

  it('waits for tokens that are late to come, and gives up on a source that is dead', async () => {
    let asked = 0;
    let dead = false;
    const token = async () => {
      if (dead || ++asked === 2) throw new Error('no token today');
      return 'good';
    };
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const reading = connect(proxy.port, { token }).follow('log', { backoff, start: { last: 1 } });
    expect(numberOf((await reading.next()).value as FollowedEvent)).toBe(TOTAL);
    dead = true;
    const next = reading.next();
    next.catch(() => undefined);
    proxy.cutNow();
    expect(await failureOf(next)).toMatchObject({ code: Status.UNAUTHENTICATED, reason: 'TOKEN_FAILED' });
  });
});

describe('a connection that is dead without anybody having said so', () => {
  it('is given up when nothing comes for three heartbeats', async () => {
    const silent = resources.use(await startScriptedService());
    silent.script('silence');
    const told: FollowStatus[] = [];
    const stop = new AbortController();
    const onState = (status: FollowStatus) => {
      if (told.push(status) === 2) stop.abort();
    };
    const options = { signal: stop.signal, heartbeatMs: 1_000, onState };
    const reader = resources.use(createLeatClient({ address: silent.address }));
    await expect(read(options, 'log', reader)).rejects.toMatchObject({ name: 'AbortError' });
    // The second call was answered with OK and an empty page, which is no end either.
    expect(told.map(({ error }) => error?.reason)).toEqual(['HEARTBEAT_MISSED', 'STREAM_CUT', undefined]);
    await until(() => silent.open() === 0);
  });

  it('is made again when it gives no sign of life', async () => {
    const topic = freshTopic();
    await publish(topic, 1);
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const reading = connect(proxy.port, { keepaliveMs: 100 }).follow(topic, { backoff });
    await reading.next();
    const next = reading.next();
    await until(() => reading.status.state === 'live');
    proxy.freezeNow();
    await publish(topic, 1);
    expect((await next).value?.offset).toBe(2n);
    await reading.return();
  });
});

describe('a follow that ends', () => {
  it('does so at return(), also while somebody waits for the next event', async () => {
    const reading = client.follow('log', { start: 'now' });
    const next = reading.next();
    await until(() => reading.status.state === 'live');
    expect(await reading.return()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await reading.next()).toEqual({ done: true, value: undefined });
  });

  it('does so at its signal, whatever it is doing, and leaves no listener there', async () => {
    const listeners = countListeners();
    const aborted = AbortSignal.abort();
    await expect(client.follow('log', { signal: aborted }).next()).rejects.toMatchObject({ name: 'AbortError' });

    const live = client.follow('log', { start: 'now', signal: listeners.signal });
    const next = live.next();
    await until(() => live.status.state === 'live');
    listeners.abort();
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });

    const busy = countListeners();
    const reading = client.follow('log', { signal: busy.signal });
    await reading.next();
    busy.abort();
    await expect(reading.next()).rejects.toMatchObject({ name: 'AbortError' });

    const waiting = countListeners();
    const nobody = resources.use(createLeatClient({ address: '127.0.0.1:1' }));
    const slow = { initialMs: 1e9, maxMs: 1e9, random: () => 1 };
    const lost = nobody.follow('log', { signal: waiting.signal, backoff: slow });
    const first = lost.next();
    await until(() => lost.status.state === 'reconnecting');
    waiting.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    expect([listeners.count(), busy.count(), waiting.count()]).toEqual([0, 0, 0]);
  });

  it('leaves no listener on a signal that lives on', async () => {
    const signal = countListeners();
    await read({ signal: signal.signal });
    for await (const _event of client.follow('log', { signal: signal.signal })) break;
    await failureOf(read({ signal: signal.signal }, 'Not a topic'));
    client.follow('log', { signal: signal.signal });
    expect(signal.count()).toBe(0);
  });

  it('does so at close(), also in the middle of its loop', async () => {
    const own = connect(server.grpcPort);
    const idle = own.follow('log', { start: 'now' });
    const next = idle.next();
    await until(() => idle.status.state === 'live');
    let seen = 0;
    for await (const _event of own.follow('log')) {
      if (++seen === 3) await own.close();
    }
    expect(seen).toBe(3);
    expect(await next).toEqual({ done: true, value: undefined });
  });
});

describe('a consumer that stops', () => {
  it('is sent a page or two more, and its window, and nothing else', async () => {
    const topic = freshTopic();
    for (let part = 0; part < 8; part++) await publish(topic, 5_000);
    let sent: number;
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const reading = connect(proxy.port, { flowControlWindow: 65_535 }).follow(topic);
    await reading.next();
    // The server has sent what it will when two questions in a row find it with the same.
    do {
      sent = proxy.bytesToClient;
      await client.users.listUsers({});
      for (let turn = 0; turn < 200; turn++) await client.events.getTopic({ topic });
    } while (proxy.bytesToClient > sent);
    expect(sent).toBeLessThan(5 * 65_536);
    let last = 1n;
    while (last < 40_000n) last = (await reading.next()).value?.offset ?? 0n;
    await reading.return();
    expect(proxy.bytesToClient).toBeGreaterThan(40 * 65_536);
  });
});

/** A signal that counts who listens to it. */
function countListeners() {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    count++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    count--;
    remove(...args);
  };
  return { signal, abort: () => controller.abort(), count: () => count };
}

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import type { EventRecord } from '../../gen/leat/v1/event.js';
import {
  createLeatClient,
  LeatError,
  type LeatClient,
  type PublishInput,
  type PublishOptions,
  type PublishResult,
  type PublishTotals,
  type Setback,
} from '../../src/client/index.js';
import { startCuttingProxy } from '../support/cutting-proxy.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { readLog } from '../support/read-log.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { until } from '../support/until.js';

const backoff = { initialMs: 1, maxMs: 5 };
let server: LeatServer;
let client: LeatClient;
let resources: ResourceStack;
let topics = 0;

beforeAll(async () => {
  server = await startLeat();
  client = createLeatClient({ address: `127.0.0.1:${server.grpcPort}` });
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});
beforeEach(() => void (resources = createResourceStack()));
afterEach(async () => {
  await resources.dispose();
  await server.idle();
});

const freshTopic = () => `topic/${++topics}`;

/** Events "1", "2", … as subjects. */
function numbered(count: number, first = 1, more: PublishInput = {}): PublishInput[] {
  return Array.from({ length: count }, (_none, index) => ({ type: 'n', subject: `${first + index}`, ...more }));
}

async function subjects(topic: string): Promise<number[]> {
  return (await readLog(server.store, topic)).map(({ event }: EventRecord) => Number(event?.subject));
}

const atMost = (bytes: number) => Math.floor(Math.random() * bytes);
const range = (to: number) => Array.from({ length: to }, (_none, index) => index + 1);

async function failureOf(publishing: Promise<unknown>): Promise<LeatError> {
  const error = await publishing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LeatError) return error;
  throw new Error('it did not fail as it should', { cause: error });
}

/** A source that gives what it is pushed, and tells how it is used. */
function pushed() {
  const events: PublishInput[] = [];
  let wake: () => void = () => undefined;
  const state = { asked: 0, returned: false, ended: false };
  async function* source(): AsyncGenerator<PublishInput> {
    try {
      for (;;) {
        state.asked++;
        while (events.length === 0 && !state.ended) await new Promise<void>((resolve) => (wake = resolve));
        const event = events.shift();
        if (event === undefined) return;
        yield event;
      }
    } finally {
      state.returned = true;
    }
  }
  return {
    state,
    source: source(),
    push: (...more: PublishInput[]) => {
      events.push(...more);
      wake();
    },
    end: () => {
      state.ended = true;
      wake();
    },
  };
}

describe('publish', () => {
  it('appends all events of any iterable, in order, and tells where they are', async () => {
    const topic = freshTopic();
    const first = await client.publish(topic, numbered(2_500));
    const { producerId, ...rest } = first;
    expect(rest).toMatchObject({
      events: 2_500n,
      accepted: 2_500n,
      duplicates: 0n,
      firstOffset: 1n,
      lastOffset: 2_500n,
    });
    expect(producerId).toMatch(/^[0-9a-f-]{36}$/);
    async function* more() {
      yield* numbered(10, 2_501);
    }
    expect(await client.publish(topic, more())).toMatchObject({ events: 10n, firstOffset: 2_501n });
    expect(await client.publish(topic, new Set(numbered(1, 2_511)))).toMatchObject({ lastOffset: 2_511n });
    expect(await client.publish(topic, [])).toMatchObject({ events: 0n, firstOffset: 0n, lastOffset: 0n });
    expect(await subjects(topic)).toEqual(range(2_511));
  });

  it('sends what has come within the time of a batch, and makes it certain within the time of a call', async () => {
    const topic = freshTopic();
    const { source, push, end } = pushed();
    const told: PublishTotals[] = [];
    const publishing = client.publish(topic, source, { callMs: 20, onProgress: (totals) => told.push(totals) });
    push(...numbered(3));
    await until(() => told.at(-1)?.events === 3n);
    push(...numbered(2, 4));
    await until(() => told.at(-1)?.events === 5n);
    end();
    expect(await publishing).toMatchObject({ events: 5n, accepted: 5n, lastOffset: 5n });
    expect(await subjects(topic)).toEqual(range(5));
  });

  it('asks its source for no more than a call takes, while nothing is answered', async () => {
    const topic = freshTopic();
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    proxy.plan({ toClient: 200 }, { toClient: 200 }, { toClient: 200 });
    const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}` }));
    let given = 0;
    let setbackAt: number | undefined;
    async function* source() {
      for (const event of numbered(400, 1, { payload: { $case: 'data', value: Buffer.alloc(10_000) } })) {
        given++;
        yield event;
      }
    }
    const onSetback = () => (setbackAt ??= given);
    const options = { callBytes: 1 << 20, batchBytes: 64 << 10, backoff, onSetback };
    expect(await own.publish(topic, source(), options)).toMatchObject({ events: 400n });
    // A call's 1 MiB, and the batch that is collected besides.
    expect(setbackAt).toBeLessThanOrEqual((1 << 20) / 10_000 + 2 * 7);
    expect(await subjects(topic)).toEqual(range(400));
  });

  it('keeps to the bounds of a batch, and sends a larger event alone', async () => {
    const topic = freshTopic();
    const big = { payload: { $case: 'data' as const, value: Buffer.alloc(100_000) } };
    const events = [...numbered(1), ...numbered(2, 2, big), ...numbered(7, 4)];
    await client.publish(topic, events, { batchBytes: 1_000, batchEvents: 3 });
    expect(await subjects(topic)).toEqual(range(10));
    const [line] = server.log.filter(({ method }) => String(method).endsWith('PublishEvents')).slice(-1);
    // 1 | 2 | 3 | 4 5 6 | 7 8 9 | 10
    expect(line).toMatchObject({ messagesIn: 6 });
  });
});

describe('publish over cut connections', () => {
  it('appends each event once, wherever they are cut', async () => {
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}` }));
    for (let round = 0; round < 40; round++) {
      const topic = freshTopic();
      const where = round % 2 === 0 ? { toServer: atMost(12_000) } : { toClient: atMost(200) };
      proxy.cutNow();
      proxy.plan(where, {});
      const setbacks: Setback[] = [];
      const onSetback = (setback: Setback) => setbacks.push(setback);
      const options: PublishOptions = { batchBytes: 2_000, callBytes: 20_000, backoff, onSetback };
      const result = await own.publish(topic, numbered(1_000), { ...options, by: 'producer' });
      expect({ where, subjects: await subjects(topic) }).toEqual({ where, subjects: range(1_000) });
      expect(result.accepted + result.duplicates).toBe(1_000n);
      expect(result).toMatchObject({ events: 1_000n });
    }
    expect(proxy.cuts).toBeGreaterThan(20);
  });

  it('by ids appends each event once, too, and recognizes those of other runs', async () => {
    const topic = freshTopic();
    const events = range(500).map((n) => ({ id: `e-${n}`, type: 'n', subject: `${n}` }));
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    proxy.plan({ toServer: 4_000 }, { toClient: 300 });
    const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}` }));
    await client.publish(topic, events.slice(0, 100), { by: 'id' });
    const result = await own.publish(topic, events, { by: 'id', batchEvents: 50, backoff });
    expect(result).toMatchObject({ events: 500n, producerId: undefined });
    expect(result.duplicates).toBeGreaterThanOrEqual(100n);
    expect(await subjects(topic)).toEqual(range(500));
    const error = await failureOf(client.publish(topic, [{ type: 'n' }], { by: 'id' }));
    expect(error).toMatchObject({ reason: 'EVENT_ID_MISSING', published: { events: 0n } });
  });

  it('gives up after as many tries in a row as it is told, and says what is durable', async () => {
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}` }));
    const topic = freshTopic();
    const { source, push, state } = pushed();
    let durable = 0n;
    const onProgress = ({ events }: PublishTotals) => (durable = events);
    const publishing = own.publish(topic, source, { callMs: 10, maxAttempts: 3, backoff, onProgress });
    push(...numbered(5));
    await until(() => durable === 5n);
    proxy.plan({ toServer: 0 }, { toServer: 0 }, { toServer: 0 });
    proxy.cutNow();
    push(...numbered(5, 6));
    expect(await failureOf(publishing)).toMatchObject({ code: Status.UNAVAILABLE, published: { events: 5n } });
    push(...numbered(1, 11));
    await until(() => state.returned);
    expect(await subjects(topic)).toEqual(range(5));
  });
});

describe('a named producer', () => {
  it('adds nothing when the same source comes again, and goes on where it ended', async () => {
    const topic = freshTopic();
    const publish = (events: PublishInput[], options: PublishOptions = {}): Promise<PublishResult> =>
      client.publish(topic, events, { producerId: 'import', ...options });
    expect(await publish(numbered(1_500))).toMatchObject({ accepted: 1_500n, producerId: 'import' });
    expect(await publish(numbered(1_500))).toMatchObject({ events: 1_500n, accepted: 0n, duplicates: 1_500n });
    expect(await publish(numbered(2_000))).toMatchObject({ events: 2_000n, accepted: 500n, firstOffset: 1_501n });
    expect(await publish(numbered(10, 2_001), { firstSequence: 'next' })).toMatchObject({ events: 10n, accepted: 10n });
    expect(await publish(numbered(11, 2_001), { firstSequence: 2_001n })).toMatchObject({ events: 11n, accepted: 1n });
    expect(await subjects(topic)).toEqual(range(2_011));
  });

  it('is refused when its source is another one, and nothing is swallowed', async () => {
    const topic = freshTopic();
    const options = { producerId: 'import' };
    await client.publish(topic, numbered(100), options);
    expect(await failureOf(client.publish(topic, numbered(100, 7), options))).toMatchObject({
      code: Status.ALREADY_EXISTS,
      reason: 'SEQUENCE_REUSED',
      published: { events: 99n, accepted: 0n },
    });
    expect(await failureOf(client.publish(topic, numbered(99), options))).toMatchObject({ reason: 'SOURCE_TOO_SHORT' });
    expect(await failureOf(client.publish(topic, [], options))).toMatchObject({ reason: 'SOURCE_TOO_SHORT' });
    const gap = { ...options, firstSequence: 200 };
    expect(await failureOf(client.publish(topic, numbered(1), gap))).toMatchObject({ reason: 'SEQUENCE_GAP' });
    expect(await subjects(topic)).toEqual(range(100));
  });
});

describe('a producer without a name', () => {
  it('goes on after the topic has given up all of its events', async () => {
    const topic = freshTopic();
    const { source, push, end } = pushed();
    let durable = 0n;
    const onProgress = ({ events }: PublishTotals) => (durable = events);
    const publishing = client.publish(topic, source, { callMs: 10, onProgress });
    push(...numbered(3));
    await until(() => durable === 3n);
    await client.events.trimTopic({ topic, beforeOffset: 4n });
    push(...numbered(2, 4));
    await until(() => durable === 5n);
    end();
    expect(await publishing).toMatchObject({ events: 5n, accepted: 5n, lastOffset: 5n });
    expect((await readLog(server.store, topic, 3)).map(({ event }) => event?.subject)).toEqual(['4', '5']);
  });
});

describe('a publish that fails', () => {
  it('says what the service refuses, and how much is durable nevertheless', async () => {
    const topic = freshTopic();
    const events = [...numbered(10), { type: '' }, ...numbered(5, 11)];
    const error = await failureOf(client.publish(topic, events, { batchEvents: 4 }));
    expect(error).toMatchObject({ reason: 'INVALID_FIELD', published: { events: 8n, accepted: 8n, lastOffset: 8n } });
    expect(error.violations.map(({ field }) => field)).toEqual(['events[2].type']);
    expect(await failureOf(client.publish('sys/users', numbered(1)))).toMatchObject({ reason: 'TOPIC_RESERVED' });
    expect(await subjects(topic)).toEqual(range(8));
  });

  it('has published what its source gave before it failed', async () => {
    const topic = freshTopic();
    const cause = new Error('end of tape');
    async function* source() {
      yield* numbered(7);
      throw cause;
    }
    const error = await failureOf(client.publish(topic, source()));
    expect(error).toMatchObject({ reason: 'SOURCE_FAILED', cause, published: { events: 7n, accepted: 7n } });
    const noEvent = await failureOf(client.publish(topic, [...numbered(2, 8), null as unknown as PublishInput]));
    expect(noEvent).toMatchObject({ reason: 'SOURCE_FAILED', published: { events: 2n } });
    expect(await subjects(topic)).toEqual(range(9));
  });

  it('ends at its signal with an AbortError, also while it waits for its source, which hears of it', async () => {
    const { source, push, state } = pushed();
    const abort = new AbortController();
    const topic = freshTopic();
    let durable = 0n;
    const onProgress = ({ events }: PublishTotals) => (durable = events);
    const publishing = client.publish(topic, source, { signal: abort.signal, callMs: 5, onProgress });
    push(...numbered(1));
    await until(() => durable === 1n && state.asked === 2);
    abort.abort();
    await expect(publishing).rejects.toMatchObject({ name: 'AbortError' });
    push(...numbered(1, 2));
    await until(() => state.returned);
    await expect(client.publish(topic, numbered(1), { signal: abort.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(await subjects(topic)).toEqual([1]);
  });

  it('ends when the client is closed', async () => {
    const own = createLeatClient({ address: `127.0.0.1:${server.grpcPort}` });
    const { source, push } = pushed();
    const publishing = own.publish(freshTopic(), source);
    const ended = expect(publishing).rejects.toMatchObject({ name: 'AbortError' });
    push(...numbered(1));
    await own.close();
    await ended;
  });
});

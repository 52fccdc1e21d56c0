import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLeatClient, type CheckpointStore, type FollowedEvent, type LeatClient } from '../../src/client/index.js';
import { startCuttingProxy } from '../support/cutting-proxy.js';
import { killAfterTest } from '../support/leftovers.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { makeTempDir } from '../support/temp-dir.js';
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

async function publishTopic(count: number): Promise<string> {
  const topic = `topic/${++topics}`;
  await client.publish(topic, numbered(count));
  return topic;
}

/** A page has some hundred of them. */
function numbered(count: number) {
  const payload = { $case: 'text' as const, value: 'x'.repeat(300) };
  return Array.from({ length: count }, (_none, index) => ({ type: 'n', subject: `${index + 1}`, payload }));
}

const numberOf = (event: FollowedEvent) => Number(event.offset);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_none, index) => from + index);

/** A store in memory that keeps all that was saved. */
function memory() {
  const saved: string[] = [];
  const store: CheckpointStore = { load: () => saved.at(-1), save: (checkpoint) => void saved.push(checkpoint) };
  return { saved, store, offsets: () => saved.map((checkpoint) => Number(checkpoint.split('.')[0])) };
}

describe('a checkpoint that is loaded and saved', () => {
  it('goes on where the last reader left its loop, at the event at which it did', async () => {
    const topic = await publishTopic(100);
    const { store, offsets } = memory();
    const seen: number[] = [];
    for (const stop of [1, 10, 60, 100]) {
      for await (const event of client.follow(topic, { checkpoint: store, start: { last: 90 } })) {
        seen.push(numberOf(event));
        if (numberOf(event) >= 10 + stop - 1) break;
        if (numberOf(event) === 100) break;
      }
    }
    // Left at 11, so nothing but the place it began at was done: 10; then at 19, 69 and 100.
    expect(offsets()).toEqual([18, 68, 99]);
    expect(seen).toEqual([11, ...range(11, 19), ...range(19, 69), ...range(69, 100)]);
  });

  it('is saved at the end, when all is done, and while nothing matches', async () => {
    const topic = await publishTopic(50);
    const { store, offsets } = memory();
    for await (const _event of client.follow(topic, { checkpoint: store, live: false })) void _event;
    expect(offsets()).toEqual([50]);
    const other = memory();
    const filter = { types: ['none'] };
    for await (const _event of client.follow(topic, { checkpoint: other.store, filter, live: false })) void _event;
    expect(other.offsets()).toEqual([50]);
  });

  it('is saved one at a time, the newest, while its reader waits', async () => {
    const topic = await publishTopic(10);
    const saves: { checkpoint: string; done: () => void }[] = [];
    const save = (checkpoint: string) => new Promise<void>((done) => saves.push({ checkpoint, done }));
    const reading = client.follow(topic, { checkpoint: { load: () => null, save }, saveIntervalMs: 0 });
    for (let count = 0; count < 5; count++) await reading.next();
    await until(() => saves.length === 1);
    for (let count = 5; count < 10; count++) await reading.next();
    const next = reading.next();
    await until(() => reading.status.readOffset === 10n);
    expect(saves).toHaveLength(1);
    saves[0]?.done();
    await until(() => saves.length === 2);
    expect(saves[1]?.checkpoint).toMatch(/^10\./);
    saves[1]?.done();
    await reading.return();
    expect(await next).toMatchObject({ done: true });
    expect(saves).toHaveLength(2);
  });

  it('that cannot be loaded or saved ends the reading with its error', async () => {
    const topic = await publishTopic(10);
    const cause = new Error('disk full');
    const fail = () => Promise.reject(cause);
    const loading = client.follow(topic, { checkpoint: { load: fail, save: fail } });
    await expect(loading.next()).rejects.toMatchObject({ name: 'LeatError', cause });

    const waiting = client.follow(topic, { checkpoint: { load: () => undefined, save: fail }, saveIntervalMs: 0 });
    await expect(async () => {
      for await (const _event of waiting) void _event;
    }).rejects.toMatchObject({ name: 'LeatError', message: 'disk full', cause });

    const leaving = client.follow(topic, { checkpoint: { load: () => undefined, save: fail } });
    await leaving.next();
    await leaving.next();
    await expect(leaving.return()).rejects.toMatchObject({ cause });
  });

  it.each(['', '\n', '12'])('that is loaded as %j is refused, and not taken for a beginning', async (loaded) => {
    const topic = await publishTopic(3);
    const { saved, store } = memory();
    const reading = client.follow(topic, { checkpoint: { ...store, load: () => loaded }, start: 'now', live: false });
    await expect(reading.next()).rejects.toMatchObject({ name: 'LeatError', reason: 'INVALID_CHECKPOINT' });
    expect(saved).toEqual([]);
  });

  it('does not move back while another filter passes over what is done', async () => {
    const topic = await publishTopic(2_000);
    const { store, offsets } = memory();
    // Nothing matches: 1,500 is far behind the beginning of the page that its token is from.
    const filter = { subjects: ['1500'] };
    for await (const _event of client.follow(topic, { checkpoint: store, filter, limit: 1, live: false })) void _event;
    const [first] = offsets();
    for await (const _event of client.follow(topic, { checkpoint: store, live: false, limit: 1, saveIntervalMs: 0 })) {
      void _event;
    }
    expect(first).toBe(1_500);
    expect(offsets().every((offset, index, all) => offset >= (all[index - 1] ?? 0))).toBe(true);
  });

  it('is saved at the signal', async () => {
    const topic = await publishTopic(10);
    const { store, offsets } = memory();
    const abort = new AbortController();
    const reading = client.follow(topic, { checkpoint: store, signal: abort.signal });
    for (let count = 0; count < 4; count++) await reading.next();
    abort.abort();
    await expect(reading.next()).rejects.toMatchObject({ name: 'AbortError' });
    // The fourth was done, for the fifth was asked for.
    expect(offsets()).toEqual([4]);
  });
});

describe('a named cursor', () => {
  const cursors = async (topic: string) =>
    (await client.events.getTopic({ topic })).cursors.map(({ cursor, offset }) => [cursor, Number(offset)]);

  it('goes on where it was committed, begins at the first event, or where it is told to begin', async () => {
    const topic = await publishTopic(20);
    const read = async (limit: number, start?: 'now' | { last: number }) => {
      const seen: number[] = [];
      for await (const event of client.follow(topic, { checkpoint: { cursor: 'worker' }, start, limit })) {
        seen.push(numberOf(event));
      }
      return seen;
    };
    expect(await read(5)).toEqual([1, 2, 3, 4, 5]);
    expect(await cursors(topic)).toEqual([['worker', 5]]);
    expect(await read(3, 'now')).toEqual([6, 7, 8]);
    await client.events.commitCursor({ topic, cursor: 'other', offset: 0n });
    for await (const event of client.follow(topic, { checkpoint: { cursor: 'new' }, start: { last: 1 }, limit: 1 })) {
      expect(numberOf(event)).toBe(20);
    }
    expect(await cursors(topic)).toEqual([
      ['new', 20],
      ['other', 0],
      ['worker', 8],
    ]);
  });

  it('of a topic that does not exist yet begins where it is told', async () => {
    const topic = 'topic/not-yet';
    const reading = client.follow(topic, { checkpoint: { cursor: 'early' }, start: 'now' });
    const next = reading.next();
    await until(() => reading.status.state === 'live');
    await client.events.publishEvent({ topic, event: { type: 't' } });
    expect((await next).value?.offset).toBe(1n);
    await reading.return();
  });

  it('is committed by the next try when the service was away for the first', async () => {
    const topic = await publishTopic(10);
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}`, maxAttempts: 1 }));
    const reading = own.follow(topic, { checkpoint: { cursor: 'late' }, saveIntervalMs: 1, backoff });
    for (let count = 0; count < 10; count++) {
      await reading.next();
      proxy.cutNow();
    }
    const next = reading.next();
    await until(async () => (await cursors(topic)).join() === 'late,10');
    await reading.return();
    await next;
  });

  it('that is refused ends the reading', async () => {
    const topic = await publishTopic(10);
    const checkpoint = { cursor: 'x'.repeat(200) };
    await expect(client.follow(topic, { checkpoint, start: 'first' }).return()).resolves.toMatchObject({ done: true });
    await expect(async () => {
      for await (const _event of client.follow(topic, { checkpoint, start: 'first', saveIntervalMs: 0 })) void _event;
    }).rejects.toMatchObject({ name: 'LeatError', reason: 'INVALID_FIELD' });
  });
});

describe('consumers that are killed', () => {
  const script = fileURLToPath(new URL('./consumer-child.js', import.meta.url));
  const TOTAL = 500;

  /** A consumer in a process of its own, which handles as many events as it is let. */
  function startConsumer(...args: string[]) {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
    killAfterTest(child);
    child.stdin.on('error', () => undefined); // It may be killed first.
    const seen: number[] = [];
    const lines = createInterface({ input: child.stdout }).on('line', (line) => void seen.push(Number(line)));
    const closed = once(lines, 'close');
    return {
      seen,
      allow: (count: number) => void child.stdin.write(`${count}\n`),
      /** Resolves when all that it printed is in `seen`. */
      async kill() {
        child.kill('SIGKILL');
        await closed;
      },
    };
  }

  it.each(['file', 'cursor'])('have handled every event at least once, in order, by %s', async (kind) => {
    await using dir = await makeTempDir();
    const topic = await publishTopic(TOTAL);
    const name = kind === 'file' ? path.join(dir.path, 'checkpoint') : 'worker';
    /** Where the next consumer will begin: behind this offset. */
    const stored = async () => {
      if (kind === 'file') return existsSync(name) ? parseInt(readFileSync(name, 'utf8')) : 0;
      return Number((await client.events.getTopic({ topic })).cursors[0]?.offset ?? 0n);
    };
    let last = 0;
    let handledAgain = 0;
    for (let rounds = 0; last < TOTAL; rounds++) {
      const place = await stored();
      const consumer = startConsumer(`127.0.0.1:${server.grpcPort}`, topic, kind, name);
      const { seen } = consumer;
      // Some are done, and saved: it has asked for one more, and holds it.
      const calm = Math.min(100, TOTAL - place);
      consumer.allow(calm);
      await until(async () => seen.length === calm && (await stored()) === place + calm);
      expect(seen).toEqual(range(place + 1, place + calm));
      // And it is killed while it handles more, and saves.
      const wild = seen.length + Math.floor(Math.random() * 150);
      consumer.allow(10_000);
      await until(() => seen.length > wild || seen.at(-1) === TOTAL);
      await consumer.kill();
      // A commit that was under way may still arrive.
      await server.idle();
      expect(await stored()).toBeGreaterThanOrEqual(place + calm);
      // It began behind its place, so nothing is left out if the place is never ahead of what was handled.
      expect(seen).toEqual(range(place + 1, place + seen.length));
      last = place + seen.length;
      expect(await stored()).toBeLessThanOrEqual(last);
      handledAgain += last - (await stored());
    }
    expect(handledAgain).toBeGreaterThan(0);
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { batchLines, type Batch } from '../../src/cli/batch-lines.js';
import { createBatchSource } from '../../src/cli/batch-source.js';
import { createTotals, publishBatches } from '../../src/cli/publish-batches.js';
import { splitLines } from '../../src/cli/split-lines.js';
import { createLeatClient, type LeatClient } from '../../src/client/index.js';
import { numberedLines, startService, type TestService } from './leat-process.js';

let service: TestService;
let client: LeatClient;
beforeAll(async () => {
  service = await startService();
  client = createLeatClient({ address: service.address });
});
afterAll(async () => {
  await client.close();
  await service[Symbol.asyncDispose]();
});

const never = new AbortController().signal;
const limits = { maxEvents: 10, maxBytes: 100_000 };

async function* bytes(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

function batchesOf(...texts: string[]): AsyncGenerator<Batch> {
  return batchLines(splitLines(bytes(...texts), 1_000), (line) => ({ type: line.toString() }), limits);
}

/** The service, and how many batches each call to it had. */
function countCalls() {
  const calls: number[] = [];
  const events = {
    ...client.events,
    publishEvents: (...[requests, options]: Parameters<typeof client.events.publishEvents>) => {
      const call = calls.push(0) - 1;
      return client.events.publishEvents(
        counted(requests, () => (calls[call] = (calls[call] ?? 0) + 1)),
        options,
      );
    },
  };
  return { events, calls };
}

async function* counted<T>(items: AsyncIterable<T>, count: () => void) {
  for await (const item of items) {
    count();
    yield item;
  }
}

describe('publishBatches', () => {
  it('closes a call when it has sent so many bytes, and goes on with the next one', async () => {
    const { events, calls } = countCalls();
    const source = createBatchSource(batchesOf(numberedLines(100)), never);
    const totals = createTotals();
    const callLimits = { maxBytes: 1_000, maxMs: 60_000 };
    await publishBatches(events, { topic: 'bytes', source, limits: callLimits, totals, stop: never });
    expect(calls).toEqual([3, 3, 3, 1]);
    expect(totals).toMatchObject({ durableLines: 100, accepted: 100n, firstOffset: 1n, lastOffset: 100n });
  });

  it('closes a call after its time, and loses nothing of what comes later', async () => {
    const { events, calls } = countCalls();
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    async function* slowly() {
      yield* batchesOf('a\n');
      await released;
      yield* batchesOf('b\n');
    }
    const totals = createTotals();
    const source = createBatchSource(slowly(), never);
    const callLimits = { maxBytes: 1e6, maxMs: 1 };
    const run = publishBatches(events, { topic: 'time', source, limits: callLimits, totals, stop: never });
    for await (const { records } of client.events.listEvents({ topic: 'time', follow: true, limit: 1n })) {
      if (records.length > 0) break;
    }
    release();
    await run;
    expect(calls.length).toBeGreaterThanOrEqual(2);
    expect(totals).toMatchObject({ durableLines: 2, lastOffset: 2n });
  });
});

describe('createBatchSource', () => {
  it('keeps the batch that a call did not wait for', async () => {
    const source = createBatchSource(batchesOf('a\n'), never);
    const late = new AbortController();
    late.abort();
    expect(await source.take(late.signal)).toBeUndefined();
    expect(await source.take(never)).toMatchObject({ events: [{ type: 'a' }] });
    expect(await source.take(never)).toBeUndefined();
    expect(await source.ready()).toBe(false);
  });

  it('ends where its batches fail, and tells why', async () => {
    const source = createBatchSource(batchesOf('a\n', 'x'.repeat(2_000)), never);
    expect(await source.take(never)).toMatchObject({ events: [{ type: 'a' }] });
    expect(await source.ready()).toBe(false);
    expect(source.failure()).toMatchObject({ message: expect.stringMatching(/^line 2 is longer/) });
  });

  it('ends when it is stopped, even while it waits', async () => {
    const stop = new AbortController();
    async function* silent(): AsyncGenerator<Batch> {
      await new Promise(() => undefined);
      yield* [];
    }
    const source = createBatchSource(silent(), stop.signal);
    const ready = source.ready();
    stop.abort();
    expect(await ready).toBe(false);
    expect(await source.take(never)).toBeUndefined();
  });
});

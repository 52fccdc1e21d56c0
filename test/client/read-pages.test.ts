import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TailState } from '../../gen/leat/v1/event.js';
import type { DeepPartial, ListEventsRequest } from '../../gen/leat/v1/event_service.js';
import { startCuttingProxy } from '../../examples/demo/cutting-proxy.js';
import { createLeatClient, type LeatClient, type Setback } from '../../src/client/index.js';
import { readPages, type ReadOptions } from '../../src/client/follow/read-pages.js';
import { startService, type TestService } from '../cli/leat-process.js';

const total = 3_000;
const backoff = { initialMs: 1, maxMs: 5 };
const never = new AbortController().signal;
let service: TestService;
let direct: LeatClient;

beforeAll(async () => {
  service = await startService();
  direct = createLeatClient({ address: service.address });
  await publish('log', total);
});
afterAll(async () => {
  await direct.close();
  await service[Symbol.asyncDispose]();
});

/** Events 1, 2, 3 …; every third is of type "third". */
async function publish(topic: string, count: number): Promise<void> {
  const { events } = direct;
  async function* batches() {
    for (let from = 1; from <= count; from += 100) {
      const numbers = Array.from({ length: Math.min(100, count - from + 1) }, (_none, index) => from + index);
      const typeOf = (number: number) => (number % 3 === 0 ? 'third' : 'other');
      const padding = 'x'.repeat(100);
      const batch = numbers.map((number) => ({
        type: typeOf(number),
        payload: { $case: 'text' as const, value: `${number} ${padding}` },
      }));
      yield { topic, events: batch };
    }
  }
  await events.publishEvents(batches());
}

interface Reading {
  readonly offsets: number[];
  readonly cuts: Setback[];
  readonly last?: TailState;
}

/** Gives a client whose connection is cut after so many bytes, and takes it back. */
async function overCuts<T>(cutsAt: readonly number[], use: (client: LeatClient) => Promise<T>): Promise<T> {
  const proxy = await startCuttingProxy(service.address, {
    direction: 'to-reader',
    at: cutsAt,
    onCut: () => undefined,
  });
  const client = createLeatClient({ address: proxy.address });
  try {
    return await use(client);
  } finally {
    await client.close();
    await proxy.close();
  }
}

/** Reads to the end over a connection that is cut after so many bytes. */
async function readOver(cutsAt: readonly number[], request: DeepPartial<ListEventsRequest>): Promise<Reading> {
  const cuts: Setback[] = [];
  const onSetback = (setback: Setback) => cuts.push(setback);
  return overCuts(cutsAt, async (client) => ({ ...(await read(client, request, { onSetback })), cuts }));
}

async function read(client: LeatClient, request: DeepPartial<ListEventsRequest>, options: Partial<ReadOptions> = {}) {
  const offsets: number[] = [];
  let last: TailState | undefined;
  for await (const page of readPages(client.events, request, { backoff, signal: never, ...options })) {
    offsets.push(...page.records.map(({ offset }) => Number(offset)));
    last = page.state;
  }
  return { offsets, last };
}

const all = Array.from({ length: total }, (_none, index) => index + 1);
const thirds = all.filter((offset) => offset % 3 === 0);

describe('readPages', () => {
  it('brings each matching event once, in order, wherever the connection is cut', async () => {
    const steps = fc.array(fc.integer({ min: 1, max: 150_000 }), { maxLength: 4 });
    const requests = fc.constantFrom<{ request: DeepPartial<ListEventsRequest>; expected: number[] }>(
      { request: { topic: 'log' }, expected: all },
      { request: { topic: 'log', filter: { types: ['third'] } }, expected: thirds },
      { request: { topic: 'log', limit: 1_234n }, expected: all.slice(0, 1_234) },
      { request: { topic: 'log', limit: 500n, filter: { types: ['third'] } }, expected: thirds.slice(0, 500) },
    );
    await fc.assert(
      fc.asyncProperty(steps, requests, async (gaps, { request, expected }) => {
        let at = 0;
        const { offsets } = await readOver(
          gaps.map((gap) => (at += gap)),
          request,
        );
        expect(offsets.join()).toBe(expected.join());
      }),
      { numRuns: 40 },
    );
  });

  it('ends at the head as it was at first, whatever is written while it is cut', async () => {
    await publish('growing', 2_000);
    let grown: Promise<void> | undefined;
    const offsets: number[] = [];
    await overCuts([100_000], async (client) => {
      for await (const page of readPages(client.events, { topic: 'growing' }, { backoff, signal: never })) {
        await (grown ??= publish('growing', 500));
        offsets.push(...page.records.map(({ offset }) => Number(offset)));
      }
    });
    expect(offsets.join()).toBe(all.slice(0, 2_000).join());
  });

  it('tells of each cut, and counts tries only until something comes', async () => {
    const { cuts, last } = await readOver([100_000, 250_000], { topic: 'log' });
    expect(cuts.map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(last).toBe(TailState.TAIL_STATE_COMPLETE);
  });

  it('throws what fails before the first response, if it is told to', async () => {
    const client = createLeatClient({ address: '127.0.0.1:1' });
    const once = { maxFirstAttempts: 1 };
    const reading = read(client, { topic: 'log' }, once).finally(() => client.close());
    await expect(reading).rejects.toMatchObject({ code: 14 });
    const cut = overCuts([20], (cutClient) => read(cutClient, { topic: 'log' }, once));
    await expect(cut).rejects.toMatchObject({ code: 14 });
  });

  it('gives up after as many tries in a row as it is told', async () => {
    const cuts: Setback[] = [];
    const options = { maxAttempts: 3, onSetback: (setback: Setback) => cuts.push(setback) };
    const reading = overCuts([100_000, 100_001, 100_002, 100_003], (client) => read(client, { topic: 'log' }, options));
    await expect(reading).rejects.toMatchObject({ code: 14 });
    expect(cuts.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('throws what the service refuses', async () => {
    const start = { position: { $case: 'afterOffset', value: 1_000_000n } } as const;
    await expect(read(direct, { topic: 'log', start })).rejects.toMatchObject({ code: 11 });
  });

  it('ends with an AbortError while it waits to try again, and while it waits for events', async () => {
    const waiting = new AbortController();
    const live = new AbortController();
    const slow = { initialMs: 1e9, maxMs: 1e9, random: () => 1 };
    const options = { signal: waiting.signal, onSetback: () => waiting.abort(), backoff: slow };
    const reading = overCuts([100_000], (client) => read(client, { topic: 'log' }, options));
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    const pages = readPages(direct.events, { topic: 'log', follow: true }, { signal: live.signal });
    for (let page = await pages.next(); ; page = await pages.next()) {
      if (page.done === true || page.value.state === TailState.TAIL_STATE_LIVE) break;
    }
    const next = pages.next();
    live.abort();
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLeatClient, type LeatClient } from '../../src/client/index.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { isLong } from '../support/long-form.js';

/** Node's HTTP/2 servers close a connection after about 1,040 resets in a burst, whatever calls are on it. */
const TAILS = 2_500;
const AT_A_TIME = 20;

let resources: ResourceStack;
let server: LeatServer;
let client: LeatClient;
beforeEach(async () => {
  resources = createResourceStack();
  server = resources.use(await startLeat());
  client = resources.use(createLeatClient({ address: `127.0.0.1:${server.grpcPort}`, maxAttempts: 1 }));
  await client.publish('t', [{ type: 'first' }]);
});
afterEach(() => resources.dispose());

/** Reads the first page of a tail, and leaves it. */
async function leaveTail(): Promise<void> {
  for await (const page of client.events.listEvents({ topic: 't', follow: true })) if (page.records.length > 0) return;
}

/** Publishes and reads without a pause or a retry until `stop`; rejects when a call fails. */
async function bystand(stop: AbortSignal): Promise<number> {
  let calls = 0;
  for (; !stop.aborted; calls++) {
    const id = `event-${calls}`;
    await client.events.publishEvent({ topic: 'bystander', event: { id, type: 'x' } }, { retry: false });
    await client.events.getTopic({ topic: 'bystander' }, { retry: false });
  }
  return calls;
}

/** A stream from before the first tail was left; resolves with the types that it saw when `last` has come. */
async function watch(last: string, onFirst: () => void): Promise<number> {
  let seen = 0;
  for await (const page of client.events.listEvents({ topic: 'watched', follow: true })) {
    onFirst();
    for (const { event } of page.records) {
      seen++;
      if (event?.type === last) return seen;
    }
  }
  throw new Error('the stream of the bystander ended');
}

describe('a client that leaves many tails early', () => {
  it('never makes another of its calls fail, however fast it does', async () => {
    const stop = new AbortController();
    let begun: () => void = () => undefined;
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    const watching = watch('last', begun);
    await hasBegun;
    const bystander = bystand(stop.signal);
    let left = TAILS;
    const leavers = Array.from({ length: AT_A_TIME }, async () => {
      while (left-- > 0) await leaveTail();
    });
    await Promise.race([Promise.all(leavers), bystander]);
    stop.abort();
    expect(await bystander).toBeGreaterThan(1);
    await client.publish('watched', [{ type: 'last' }]);
    expect(await watching).toBe(1);
  }, 60_000);

  it('leaves more at once than one connection may reset', async () => {
    const tails = Array.from({ length: 900 }, () =>
      client.events.listEvents({ topic: 't', follow: true })[Symbol.asyncIterator](),
    );
    await Promise.all(tails.map((tail) => tail.next()));
    const bystander = client.events.listEvents({ topic: 'watched', follow: true })[Symbol.asyncIterator]();
    await bystander.next();
    await Promise.all(tails.map(async (tail) => tail.return?.()));
    await Promise.all(Array.from({ length: 400 }, leaveTail));
    await client.publish('watched', [{ type: 'last' }]);
    const last = await bystander.next();
    expect(last.done === true ? [] : last.value.records).toHaveLength(1);
    await bystander.return?.();
  }, 60_000);

  (isLong ? it : it.skip)(
    'goes on for three minutes of 80 a second',
    async () => {
      const stop = new AbortController();
      const bystander = bystand(stop.signal);
      const end = Date.now() + 180_000;
      while (Date.now() < end) {
        const second = sleep(1_000);
        await Promise.race([Promise.all(Array.from({ length: 80 }, leaveTail)), bystander]);
        await second;
      }
      stop.abort();
      expect(await bystander).toBeGreaterThan(1);
    },
    240_000,
  );
});

import { describe, expect, it } from '@jest/globals';
import type { Change } from '../../src/store/store.js';
import { createFlow } from '../../src/store/sqlite/write-flows.js';
import { createWriteQueue } from '../../src/store/sqlite/write-queue.js';
import { createRooms } from '../../src/store/sqlite/write-room.js';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

describe('room for writes that wait for the disk', () => {
  it('is given in the order in which it was asked for, as it becomes free', async () => {
    const queue = createWriteQueue();
    const first = await queue.room(30 * MIB, signal);
    const order: string[] = [];
    const large = queue.room(30 * MIB, signal).then(() => order.push('large'));
    const small = queue.room(1 * MIB, signal).then(() => order.push('small'));
    // Writing takes the place of the room, and a write of nothing takes next to none.
    queue.add([], { room: first }).catch(() => undefined);
    await Promise.all([large, small]);
    expect(order).toEqual(['large', 'small']);
  });

  it('is refused to more than can be held while they wait', async () => {
    const queue = createWriteQueue();
    const first = await queue.room(32 * MIB, signal);
    const leaving = new AbortController();
    const waiting = Array.from({ length: 64 }, () => queue.room(MIB, leaving.signal));
    const left = Promise.allSettled(waiting);
    await expect(queue.room(1, signal)).rejects.toMatchObject({ kind: 'exhausted', reason: 'OVERLOADED' });
    leaving.abort();
    await left;
    const again = queue.room(MIB, signal);
    queue.add([], { room: first }).catch(() => undefined);
    await again;
  });
});

/** A batch of so many tiny events, or one event of so many bytes. */
const batch = (events: number, bytes = events * 10): readonly Change[] => [
  { kind: 'append-events', topic: 't', author: '', events: { bytes: Buffer.alloc(bytes), count: events } },
];

/** Takes everything out, and settles it; resolves to the number of events of each unit, one list for each transaction. */
function drain(queue: ReturnType<typeof createWriteQueue>): number[][] {
  const transactions: number[][] = [];
  while (!queue.isEmpty) {
    const taken = queue.take();
    transactions.push(taken.map(({ unit }) => unit.changes.reduce((sum, change) => sum + eventsOf(change), 0)));
    queue.settle(
      taken,
      taken.map(() => ({ results: [] })),
    );
  }
  return transactions;
}

const eventsOf = (change: Change) => (change.kind === 'append-events' ? change.events.count : 0);

describe('units of many callers', () => {
  it('go in turns: one that came behind large ones of another caller goes in the next transaction', () => {
    const queue = createWriteQueue();
    for (let unit = 0; unit < 3; unit++) void queue.add(batch(5_000), { flow: 'much' });
    void queue.add(batch(1), { flow: 'little' });
    const [first, ...others] = drain(queue);
    expect(first).toContain(1);
    expect(others.flat()).toEqual([5_000, 5_000]);
  });

  it('go in the order of the calls if they are of one flow, or have none', () => {
    const queue = createWriteQueue();
    const order: number[] = [];
    const add = (flow: unknown, number: number) =>
      void queue.add(batch(1 + (number % 70)), { flow }).then(() => order.push(number));
    for (let number = 0; number < 300; number++) add(number % 3 === 0 ? undefined : `flow ${number % 3}`, number);
    drain(queue);
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      expect(order).toHaveLength(300);
      for (const rest of [0, 1, 2]) {
        const own = order.filter((number) => number % 3 === rest);
        expect(own).toEqual([...own].sort((a, b) => a - b));
      }
    });
  });

  it('make transactions of bounded work: by events, however small they are', () => {
    const queue = createWriteQueue();
    for (let unit = 0; unit < 20; unit++) void queue.add(batch(1_000), { flow: unit % 2 });
    const transactions = drain(queue).map((events) => events.reduce((sum, count) => sum + count, 0));
    expect(transactions.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...transactions)).toBeLessThanOrEqual(8_192);
  });

  it('are refused when their caller has too much waiting, while those of others are taken', async () => {
    const queue = createWriteQueue();
    const refused: unknown[] = [];
    for (let unit = 0; unit < 30; unit++)
      queue.add(batch(1_000), { flow: 'much' }).catch((e: unknown) => refused.push(e));
    await new Promise(setImmediate);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ reason: 'OVERLOADED' });
    const other = queue.add(batch(1), { flow: 'little' });
    drain(queue);
    await other;
  });

  it('wait for room in turns: one that asks behind many of another caller has it next', async () => {
    const queue = createWriteQueue();
    const rooms = [];
    for (let count = 0; count < 3; count++) rooms.push(await queue.room(100, signal, { events: 10_000, flow: count }));
    const order: string[] = [];
    for (let count = 0; count < 5; count++) {
      queue.room(100, signal, { events: 10_000, flow: 0 }).then(
        () => order.push('much'),
        () => undefined,
      );
    }
    const little = queue.room(100, signal, { events: 10_000, flow: 'little' }).then(() => order.push('little'));
    void queue.add([], { room: rooms[1], flow: 1 });
    await little;
    expect(order).toEqual(['little']);
  });

  it('leaves a barrier behind everything that was written before it, by whomever', async () => {
    const queue = createWriteQueue();
    const done: string[] = [];
    for (let unit = 0; unit < 3; unit++) void queue.add(batch(5_000), { flow: 'much' }).then(() => done.push('much'));
    const barrier = queue.add([], {}).then(() => done.push('barrier'));
    void queue.add(batch(1), { flow: 'later' }).then(() => done.push('later'));
    drain(queue);
    await barrier;
    expect(done.filter((what) => what !== 'later')).toEqual(['much', 'much', 'much', 'barrier']);
  });
});

/** Runs transactions, two under way at once as the writer does, and lets callers react in between, up to a limit. */
async function transact(queue: ReturnType<typeof createWriteQueue>, limit: number, isDone: () => boolean) {
  const inFlight = [queue.take()];
  let count = 0;
  for (; count < limit && !isDone(); count++) {
    inFlight.push(queue.take());
    const [oldest = []] = inFlight.splice(0, 1);
    queue.settle(
      oldest,
      oldest.map(() => ({ results: [] })),
    );
    await new Promise(setImmediate);
  }
  return count;
}

describe('a queue that never empties', () => {
  /** Callers that each write one event and wait for it, again and again; `keyOf` names the flow of their next write. */
  function keepBusy(queue: ReturnType<typeof createWriteQueue>, keyOf: (caller: number) => unknown) {
    for (let caller = 0; caller < 130; caller++) {
      const again = (): void => {
        queue.add(batch(1, 200 * 1024), { flow: keyOf(caller) }).then(again, () => undefined);
      };
      again();
    }
  }

  it.each<[string, () => (caller: number) => unknown]>([
    ['the same callers', () => (caller) => caller],
    ['callers that are always new', () => () => ({})],
  ])('serves pipelined callers, writes without a caller and barriers beside %s', async (_, keys) => {
    const queue = createWriteQueue();
    const served = { pipelined: 0, keyless: 0, barriers: 0 };
    keepBusy(queue, keys());
    for (let unit = 0; unit < 64; unit++) {
      void queue
        .room(200 * 1024, signal, { flow: 'pipelined' })
        .then((room) => queue.add(batch(1, 200 * 1024), { room, flow: 'pipelined' }))
        .then(() => served.pipelined++);
    }
    for (let unit = 0; unit < 1_000; unit++) void queue.add(batch(1), {}).then(() => served.keyless++);
    await new Promise(setImmediate);
    void queue.add([], {}).then(() => served.barriers++);
    // The work of all of them fills 10 transactions, and half of each is theirs at least once in a round of all callers.
    await transact(queue, 400, () => served.pipelined + served.keyless + served.barriers === 1_065);
    expect(served).toEqual({ pipelined: 64, keyless: 1_000, barriers: 1 });
  });

  it('knows only the callers that have something in it', async () => {
    const queue = createWriteQueue();
    let left = 500;
    for (let caller = 0; caller < 20; caller++) {
      const again = (): void => {
        if (left-- > 0) queue.add(batch(1, 200 * 1024), { flow: {} }).then(again, () => undefined);
      };
      again();
    }
    await transact(queue, 100, () => queue.isEmpty && left < 0);
    await transact(queue, 1, () => false);
    expect(queue.flowCount).toBe(0);
  });
});

describe('room for the writes of many callers', () => {
  const failed = (error: unknown) => (error as Error).name;

  it('is given at once to a caller that fits while another waits, however much that one waits with', async () => {
    const queue = createWriteQueue();
    const leaving = new AbortController();
    const streams = Array.from({ length: 80 }, () => queue.room(MIB, leaving.signal, { flow: 'much' }).catch(failed));
    await queue.room(MIB, signal, { flow: 'little' });
    leaving.abort();
    const outcomes = await Promise.all(streams);
    // The caller itself is refused before it takes all of what may wait.
    const count = (name: string) => outcomes.filter((outcome) => outcome === name).length;
    expect([count('DomainError'), count('AbortError')]).toEqual([33, 32]);
  });

  it('is waited for by callers that find none, though one of them waits with all that it may', async () => {
    const queue = createWriteQueue();
    const first = await queue.room(16 * MIB - 2048, signal, { flow: 'first' });
    const second = await queue.room(16 * MIB - 2048, signal, { flow: 'second' });
    const leaving = new AbortController();
    const streams = Array.from({ length: 80 }, () => queue.room(MIB, leaving.signal, { flow: 'first' }).catch(failed));
    const little = queue.room(MIB, signal, { flow: 'little' });
    queue.add([], { room: second, flow: 'second' }).catch(() => undefined);
    await little;
    leaving.abort();
    await Promise.all(streams);
    queue.add([], { room: first, flow: 'first' }).catch(() => undefined);
  });

  it('goes to the next one when the caller that waited for a large one leaves', async () => {
    const queue = createWriteQueue();
    await queue.room(15 * MIB, signal, { flow: 'first' });
    await queue.room(15 * MIB, signal, { flow: 'second' });
    const leaving = new AbortController();
    const large = queue.room(15 * MIB, leaving.signal, { flow: 'large' }).catch(failed);
    const small = queue.room(MIB, signal, { flow: 'small' });
    leaving.abort();
    await large;
    await small;
  });

  it('is found with a bounded number of looks at callers, however many wait', async () => {
    const rooms = createRooms();
    let looks = 0;
    const createCounted = (key: unknown) => {
      let held = 0;
      return Object.defineProperty(createFlow(key), 'held', {
        get: () => (looks++, held),
        set: (value: number) => void (held = value),
      });
    };
    const holder = createFlow('holder');
    await rooms.reserve(holder, 32 * MIB, 1, signal);
    const flows = Array.from({ length: 5_000 }, (_, key) => createCounted(key));
    const granted: unknown[] = [];
    for (const flow of flows) {
      void rooms.reserve(flow, 1024 * 1024, 1024, signal).then(() => granted.push(flow.key));
    }
    looks = 0;
    for (let call = 0; call < 1_000; call++) rooms.grant();
    expect(looks).toBeLessThan(10);
    rooms.release(holder, 32 * MIB, true);
    for (let count = 0; count < flows.length;) {
      rooms.grant();
      await new Promise(setImmediate);
      expect(granted.length).toBeGreaterThan(count);
      for (; count < granted.length; count++) {
        const flow = flows[granted[count] as number];
        if (flow) rooms.release(flow, 1024 * 1024, true);
      }
    }
    expect(granted).toEqual(flows.map(({ key }) => key));
    expect(looks).toBeLessThan(20 * flows.length);
  });

  it('leaves nothing behind of callers that are refused or leave', async () => {
    const queue = createWriteQueue();
    const room = await queue.room(32 * MIB, signal, { flow: 'first' });
    const leaving = new AbortController();
    const waiting = Array.from({ length: 10 }, () => queue.room(MIB, leaving.signal, { flow: {} }));
    const left = Promise.allSettled(waiting);
    await expect(queue.room(60 * MIB, signal, { flow: {} })).rejects.toMatchObject({ reason: 'OVERLOADED' });
    leaving.abort();
    await left;
    await expect(queue.room(MIB, leaving.signal, { flow: {} })).rejects.toMatchObject({ name: 'AbortError' });
    const chain = {};
    const written = queue.add(batch(1), { room, flow: 'first', chain });
    const behind = queue.add(batch(1), { flow: 'other', chain });
    queue.settle(queue.take(), []);
    await Promise.allSettled([written, behind]);
    await expect(queue.add(batch(1), { flow: {}, chain })).rejects.toMatchObject({ reason: 'CHAIN_BROKEN' });
    expect(queue.flowCount).toBe(0);
  });
});

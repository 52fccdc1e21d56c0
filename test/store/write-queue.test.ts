import { describe, expect, it } from '@jest/globals';
import type { Change } from '../../src/store/store.js';
import { createWriteQueue } from '../../src/store/sqlite/write-queue.js';

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

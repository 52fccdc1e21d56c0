import { describe, expect, it } from '@jest/globals';
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
    await queue.room(32 * MIB, signal);
    const leaving = new AbortController();
    const waiting = Array.from({ length: 64 }, () => queue.room(MIB, leaving.signal));
    const left = Promise.allSettled(waiting);
    await expect(queue.room(1, signal)).rejects.toMatchObject({ kind: 'exhausted', reason: 'OVERLOADED' });
    leaving.abort();
    await left;
    const again = queue.room(MIB, signal);
    queue.add([], { room: { bytes: 32 * MIB } }).catch(() => undefined);
    await expect(again).resolves.toEqual({ bytes: MIB });
  });
});

import { describe, expect, it } from '@jest/globals';
import { createByteBudget } from '../../../src/domain/uploads/byte-budget.js';
import { createWriteBehind } from '../../../src/domain/uploads/write-behind.js';
import type { ByteWriter } from '../../../src/store/byte-store.js';
import { until } from '../../support/until.js';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

/** A disk that does what the test says. */
function createDisk(disk: Partial<ByteWriter> = {}) {
  const log: string[] = [];
  const failures: Error[] = [];
  const budget = createByteBudget(32 * MIB);
  const writer: ByteWriter = {
    write: async (pieces) => void log.push(`write ${pieces.reduce((sum, { length }) => sum + length, 0)}`),
    isSame: async () => true,
    sync: async () => void log.push('sync'),
    digest: () => Promise.reject(new Error('nobody asks')),
    close: async () => undefined,
    ...disk,
  };
  const behind = createWriteBehind({
    writer,
    budget,
    size: 0,
    advance: async (size) => void log.push(`advance ${size}`),
    onFailure: (error) => void failures.push(error),
  });
  /** Whether all of the budget has come back. */
  const isFree = () => {
    const free = budget.tryTake(32 * MIB);
    if (free) budget.give(32 * MIB);
    return free;
  };
  return { behind, log, failures, isFree };
}

describe('writing behind', () => {
  it('collects small pieces, and syncs before it says that they are durable', async () => {
    const { behind, log, isFree } = createDisk();
    for (let piece = 0; piece < 10; piece++) await behind.add(Buffer.alloc(60 * 1024), signal);
    await behind.settle();
    expect(log).toEqual(['write 307200', 'write 307200', 'sync', 'advance 614400']);
    behind.stop();
    expect(isFree()).toBe(true);
  });

  it('makes durable on the way, every 8 MiB', async () => {
    const { behind, log } = createDisk();
    for (let piece = 0; piece < 20; piece++) await behind.add(Buffer.alloc(MIB), signal);
    await behind.settle();
    expect(log.filter((entry) => entry.startsWith('advance')).length).toBeGreaterThanOrEqual(2);
    expect(log.at(-1)).toBe(`advance ${20 * MIB}`);
    behind.stop();
  });

  it('lets wait who is faster than the disk, and says nothing of what it has not synced', async () => {
    const done: (() => void)[] = [];
    const { behind, log, isFree } = createDisk({ write: () => new Promise((resolve) => done.push(resolve)) });
    let added = 0;
    const adding = (async () => {
      for (; added < 8; added++) await behind.add(Buffer.alloc(MIB), signal);
    })();
    await until(() => done.length === 2);
    await new Promise(setImmediate);
    expect(added).toBe(2);
    expect(log).toEqual([]);
    const serving = setInterval(() => done.shift()?.(), 1);
    await adding;
    await behind.settle();
    clearInterval(serving);
    expect(log.at(-1)).toBe(`advance ${8 * MIB}`);
    behind.stop();
    expect(isFree()).toBe(true);
  });

  it('tells what was written before a write failed, and nothing behind it', async () => {
    let writes = 0;
    const { behind, log, failures, isFree } = createDisk({
      write: async () => {
        if (++writes > 2) throw new Error('full');
      },
    });
    const adding = (async () => {
      for (;;) await behind.add(Buffer.alloc(MIB), signal);
    })();
    await expect(adding).rejects.toThrow('full');
    await behind.settle();
    expect(failures.map(({ message }) => message)).toEqual(['full']);
    expect(log).toEqual(['sync', `advance ${2 * MIB}`]);
    behind.stop();
    expect(isFree()).toBe(true);
  });

  it('says nothing of what a sync has failed for, although the next one would succeed', async () => {
    let syncs = 0;
    const { behind, log, failures } = createDisk({
      sync: async () => {
        if (++syncs === 1) throw new Error('bad disk');
      },
    });
    for (let piece = 0; piece < 9; piece++) await behind.add(Buffer.alloc(MIB), signal).catch(() => undefined);
    await until(() => failures.length > 0);
    await expect(behind.settle()).rejects.toThrow('bad disk');
    behind.stop();
    expect(log.filter((entry) => entry.startsWith('advance'))).toEqual([]);
  });

  it('leaves no budget taken, nor anything under way, when its call ends while it waits', async () => {
    const { behind, isFree } = createDisk({ write: () => new Promise(() => undefined) });
    const leaving = new AbortController();
    const adding = (async () => {
      for (;;) await behind.add(Buffer.alloc(100 * 1024), leaving.signal);
    })();
    await new Promise(setImmediate);
    leaving.abort();
    await expect(adding).rejects.toMatchObject({ name: 'AbortError' });
    behind.stop();
    // What the disk has is still held.
    expect(isFree()).toBe(false);
  });

  it('makes durable what came during a slow sync, also if nothing comes afterwards', async () => {
    let syncs = 0;
    let endFirst: () => void = () => undefined;
    const { behind, log } = createDisk({
      sync: () => (++syncs === 1 ? new Promise<void>((resolve) => (endFirst = resolve)) : Promise.resolve()),
    });
    await behind.add(Buffer.alloc(8 * MIB), signal);
    await until(() => syncs === 1);
    await behind.add(Buffer.alloc(1), signal);
    // It is handed over when its time has come, while the sync is still under way.
    await until(() => log.includes('write 1'));
    endFirst();
    await until(() => log.includes(`advance ${8 * MIB + 1}`));
    behind.stop();
  });
});

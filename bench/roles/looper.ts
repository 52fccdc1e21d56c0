import path from 'node:path';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { migrate, openForWriting } from '../../src/store/sqlite/schema.js';
import { type Unit, createTransactions } from '../../src/store/sqlite/transactions.js';
import type { AppendEvents } from '../../src/store/store.js';
import { sampleRun } from '../load/events.js';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface LooperOptions {
  readonly kind: keyof typeof kinds;
  readonly dataDir: string;
}

export interface LoopSample {
  readonly p99Ms: number;
  readonly perSecond: number;
}

const IN_FLIGHT = 1024;
const kinds = { thread: inThread, main: onMainThread };

type Write = (append: AppendEvents) => Promise<unknown>;

async function inThread(dataDir: string): Promise<Write> {
  const store = await openSqliteStore({ dataDir });
  return (append) => store.write([append]);
}

/** The same transactions with the same group commit, on the thread that measures. */
async function onMainThread(dataDir: string): Promise<Write> {
  const db = openForWriting(path.join(dataDir, 'leat.db'));
  migrate(db);
  const transactions = createTransactions(db);
  let waiting: { unit: Unit; resolve: () => void }[] = [];
  const commit = () => {
    const batch = waiting;
    waiting = [];
    transactions.commitUnits(batch.map(({ unit }) => unit));
    for (const { resolve } of batch) resolve();
  };
  return (append) =>
    new Promise<void>((resolve) => {
      if (waiting.length === 0) setImmediate(commit);
      waiting.push({ unit: { changes: [append] }, resolve });
    });
}

const { kind, dataDir } = roleOptions<LooperOptions>();
const write = await kinds[kind](dataDir);
const events = sampleRun(1);

const commands = {
  /** Appends as fast as it can, and tells how late the event loop was meanwhile. */
  async append(seconds: number): Promise<LoopSample> {
    const delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 1 });
    const startedAt = performance.now();
    let written = 0;
    const writeOn = async () => {
      for (; performance.now() - startedAt < seconds * 1000; written++) {
        await write({ kind: 'append-events', topic: 'bench/loop', author: '', events });
      }
    };
    delay.enable();
    await Promise.all(Array.from({ length: IN_FLIGHT }, writeOn));
    delay.disable();
    return { p99Ms: delay.percentile(99) / 1e6, perSecond: (written * 1000) / (performance.now() - startedAt) };
  },
};

export type LooperRole = typeof commands;

playRole(commands);

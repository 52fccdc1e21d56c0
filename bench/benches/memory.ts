import { setTimeout as pause } from 'node:timers/promises';
import type { Bench, Contestant, Settings } from '../harness/bench.js';
import { createScope, type Scope } from '../harness/scope.js';
import { type Role, startRole } from '../processes/start-role.js';
import { temporaryFolder } from '../processes/temporary-folder.js';
import type { LeatServerOptions, LeatServerRole } from '../roles/leat-server.js';
import type { NaiveServerOptions, NaiveServerRole } from '../roles/naive-server.js';
import type { StopperOptions, StopperRole } from '../roles/stopper.js';

const MIB = 2 ** 20;
const MAX_GROWTH = { atMost: 256 };
const NAIVE_MAX_GROWTH_BYTES = 1024 * MIB;
const PAYLOAD_BYTES = 4096;
const BYTES_EACH = 4 * MIB;
/** About: 16 events. */
const BATCH_BYTES = 16 * PAYLOAD_BYTES;

const READERS = { leat: 'leat, stopped readers', naive: 'naive nice-grpc, stopped readers (ended at 1 GiB)' };
const CUT_SHORT = 'leat, publish streams that stopped within a batch';
const CUT_LATE = 'leat, the same within their first 900 kB';
const WRITERS = { leat: 'leat, publishing into a stopped disk', naive: 'naive nice-grpc, the same (ended at 1 GiB)' };

/** Every sample is taken from a process that just started, since memory that was used once stays resident. */
export const memory: Bench = {
  name: 'memory',
  summary: 'growth with 1,000 readers that stopped at different positions, and 1,000 streams that cannot be stored',
  unit: 'MiB',
  startsAnew: true,
  comparisons: [
    { ours: READERS.leat, peer: READERS.naive },
    { ours: WRITERS.leat, peer: WRITERS.naive },
  ],
  limits: {
    [READERS.leat]: MAX_GROWTH,
    [CUT_SHORT]: MAX_GROWTH,
    [CUT_LATE]: MAX_GROWTH,
    [WRITERS.leat]: MAX_GROWTH,
  },
  open: async (settings) => [
    contestant(READERS.leat, (scope) => leatReaders(scope, settings)),
    contestant(READERS.naive, (scope) => naiveReaders(scope, settings)),
    contestant(CUT_SHORT, (scope) => leatWriters(scope, settings, { bytesEach: 2.5 * BATCH_BYTES })),
    contestant(CUT_LATE, (scope) => leatWriters(scope, settings, { bytesEach: 900_000, payloadBytes: 60_000 })),
    contestant(WRITERS.leat, (scope) => leatWriters(scope, settings, { bytesEach: BYTES_EACH, stopsWriting: true })),
    contestant(WRITERS.naive, (scope) => naiveWriters(scope, settings)),
  ],
};

function contestant(name: string, growth: (scope: Scope) => Promise<number>): Contestant {
  return {
    name,
    async measure() {
      const scope = createScope();
      try {
        return { values: { [name]: (await growth(scope)) / MIB } };
      } finally {
        await scope[Symbol.asyncDispose]();
      }
    },
  };
}

const sizes = ({ quick }: Settings) => ({ count: quick ? 20 : 1000, events: quick ? 64 : 2048 });

async function leatReaders(scope: Scope, settings: Settings): Promise<number> {
  const { count, events } = sizes(settings);
  const [server, stopper] = await leatServer(scope);
  const topic = 'bench/memory';
  await server.ask('fill', { topic, count: events, payloadBytes: PAYLOAD_BYTES });
  const path = '/leat.v1.EventService/ListEvents';
  return growthOf(server, () => stopper.ask('openReaders', { path, topic, count, events }));
}

async function naiveReaders(scope: Scope, settings: Settings): Promise<number> {
  const { count, events } = sizes(settings);
  const [server, stopper] = await naiveServer(scope);
  await server.ask('fill', { count: events, payloadBytes: PAYLOAD_BYTES });
  const path = '/leat.bench.PlainEvents/List';
  return growthOf(server, () => stopper.ask('openReaders', { path, topic: '', count, events }));
}

interface Writers {
  readonly bytesEach: number;
  /** Of each event, 16 of which are a batch. */
  readonly payloadBytes?: number;
  /** The disk hangs. */
  readonly stopsWriting?: boolean;
}

/** Clients that stop after so much, wherever in a message that is; or a disk that does. */
async function leatWriters(
  scope: Scope,
  settings: Settings,
  { bytesEach, payloadBytes = PAYLOAD_BYTES, stopsWriting }: Writers,
): Promise<number> {
  const { count } = sizes(settings);
  const [server, stopper] = await leatServer(scope, stopsWriting);
  const order = { shape: 'batches', topic: 'bench/held', count, bytesEach, payloadBytes } as const;
  return growthOf(server, () => stopper.ask('openWriters', { path: '/leat.v1.EventService/PublishEvents', ...order }));
}

async function naiveWriters(scope: Scope, settings: Settings): Promise<number> {
  const { count } = sizes(settings);
  const [server, stopper] = await naiveServer(scope);
  const order = { shape: 'events', topic: '', count, bytesEach: BYTES_EACH, payloadBytes: PAYLOAD_BYTES } as const;
  return growthOf(server, () => stopper.ask('openWriters', { path: '/leat.bench.PlainEvents/Publish', ...order }));
}

async function leatServer(scope: Scope, stopsWriting = false): Promise<[Role<LeatServerRole>, Role<StopperRole>]> {
  const { path: dataDir } = await scope.use(temporaryFolder());
  const flags = { 'max-concurrent-streams': 10_000 };
  const options: LeatServerOptions = { dataDir, flags, stopsWriting };
  const server = await scope.use(startRole<LeatServerRole>('leat-server', options));
  return [server, await startStopper(scope, await server.ask('port'))];
}

async function naiveServer(scope: Scope): Promise<[Role<NaiveServerRole>, Role<StopperRole>]> {
  const { path: dataDir } = await scope.use(temporaryFolder());
  const options: NaiveServerOptions = { dataDir, maxGrowthBytes: NAIVE_MAX_GROWTH_BYTES };
  const server = await scope.use(startRole<NaiveServerRole>('naive-server', options));
  return [server, await startStopper(scope, await server.ask('port'))];
}

function startStopper(scope: Scope, port: number): Promise<Role<StopperRole>> {
  return scope.use(startRole<StopperRole>('stopper', { port } satisfies StopperOptions));
}

const LOOK_EVERY_MS = 100;
const STEADY_LOOKS = 10;
const MAX_LOOKS = 300;

/** The most that a server held above what it held before, until that grows no further for a second. */
async function growthOf(server: Pick<Role<NaiveServerRole>, 'ask'>, stop: () => Promise<void>): Promise<number> {
  const before = await server.ask('residentBytes');
  let most = before;
  let steady = 0;
  let stopping = true;
  const stopped = stop().finally(() => (stopping = false));
  for (let look = 0; look < MAX_LOOKS && steady < STEADY_LOOKS; look++) {
    const now = await server.ask('residentBytes');
    steady = stopping || now > most + MIB ? 0 : steady + 1;
    most = Math.max(most, now);
    await pause(LOOK_EVERY_MS);
  }
  await stopped;
  return most - before;
}

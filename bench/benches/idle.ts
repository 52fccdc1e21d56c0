import { setTimeout as pause } from 'node:timers/promises';
import type { Bench, Contestant, Settings } from '../harness/bench.js';
import { createScope, type Scope } from '../harness/scope.js';
import { type Role, startRole } from '../processes/start-role.js';
import type { IdlerOptions, IdlerRole } from '../roles/idler.js';
import type { LeatServerRole } from '../roles/leat-server.js';
import { startLeat, startPlain } from './servers.js';

const NAMES = {
  stream: { leat: 'leat, a member of a room', plain: 'plain nice-grpc, a stream both ways' },
  connection: { leat: 'leat, a connection', plain: 'plain nice-grpc, a connection' },
} as const;
/** What the process holds is looked at this long after the last one came. */
const SETTLE_MS = 3_000;

/** Every sample is taken from a process that just started, since memory that was used once stays resident. */
export const idle: Bench = {
  name: 'idle',
  summary: 'memory of a stream that is quiet, of 10,000, and of a connection, of 1,000',
  unit: 'KiB',
  startsAnew: true,
  comparisons: [
    { ours: NAMES.stream.leat, peer: NAMES.stream.plain, aim: { atMost: 0.8 } },
    { ours: NAMES.connection.leat, peer: NAMES.connection.plain },
  ],
  open: async (settings) => [
    contestant('stream', 'leat', settings),
    contestant('stream', 'plain', settings),
    contestant('connection', 'leat', settings),
    contestant('connection', 'plain', settings),
  ],
};

type Kind = 'leat' | 'plain';

function contestant(what: keyof typeof NAMES, kind: Kind, settings: Settings): Contestant {
  const name = NAMES[what][kind];
  return {
    name,
    async measure() {
      const scope = createScope();
      try {
        return { values: { [name]: await bytesEach(scope, what, kind, settings) } };
      } finally {
        await scope[Symbol.asyncDispose]();
      }
    },
  };
}

async function bytesEach(scope: Scope, what: keyof typeof NAMES, kind: Kind, { quick }: Settings): Promise<number> {
  const count = (what === 'stream' ? 10_000 : 1_000) / (quick ? 10 : 1);
  const server = await startServer(scope, kind);
  const options: IdlerOptions = {
    port: await server.ask('port'),
    path: kind === 'leat' ? '/leat.v1.ChatService/Chat' : '/leat.bench.PlainEvents/Talk',
    kind: kind === 'leat' ? 'members' : 'silent',
  };
  const idler = await scope.use(startRole<IdlerRole>('idler', options));
  const before = await server.ask('residentBytes');
  await idler.ask(what === 'stream' ? 'openStreams' : 'openConnections', count);
  await pause(quick ? 0 : SETTLE_MS);
  return ((await server.ask('residentBytes')) - before) / count / 1024;
}

function startServer(scope: Scope, kind: Kind): Promise<Pick<Role<LeatServerRole>, 'ask'>> {
  return kind === 'leat' ? startLeat(scope, { 'max-concurrent-streams': 10_000 }) : startPlain(scope);
}

import type { Bench, Contestant, Settings } from '../harness/bench.js';
import type { Scope } from '../harness/scope.js';
import { percentile } from '../harness/statistics.js';
import { startRole } from '../processes/start-role.js';
import { temporaryFolder } from '../processes/temporary-folder.js';
import type { RelayServerOptions, RelayServerRole } from '../roles/relay-server.js';
import type { TalkerOptions, TalkerRole } from '../roles/talker.js';
import { startLeat } from './servers.js';

const NAMES = {
  state: 'leat, live state',
  message: 'leat, a durable message',
  relay: 'bare grpc-js relay',
  stored: 'bare grpc-js relay after fdatasync',
} as const;
type Kind = keyof typeof NAMES;

const variant = (kind: Kind, which: 'p50' | 'p99') => `${NAMES[kind]}, ${which}`;

export const echo: Bench = {
  name: 'echo',
  summary: 'time from saying something to the other one hearing it, one at a time',
  unit: 'ms',
  comparisons: [
    { ours: variant('state', 'p50'), peer: variant('relay', 'p50') },
    { ours: variant('state', 'p99'), peer: variant('relay', 'p99'), aim: { atMost: 2 } },
    { ours: variant('message', 'p50'), peer: variant('stored', 'p50') },
    { ours: variant('message', 'p99'), peer: variant('stored', 'p99'), aim: { atMost: 2 } },
  ],
  async open(settings, scope) {
    const leat = await (await startLeat(scope)).ask('port');
    const { path: dataDir } = await scope.use(temporaryFolder());
    const server = startRole<RelayServerRole>('relay-server', { dataDir } satisfies RelayServerOptions);
    const relay = await (await scope.use(server)).ask('port');
    const chat = '/leat.v1.ChatService/Chat';
    return [
      await contestant('state', { port: leat, path: chat, kind: 'state' }, settings, scope),
      await contestant('relay', { port: relay, path: '/leat.bench.Relay/Relay', kind: 'bytes' }, settings, scope),
      await contestant('message', { port: leat, path: chat, kind: 'message' }, settings, scope),
      await contestant(
        'stored',
        { port: relay, path: '/leat.bench.Relay/StoreAndRelay', kind: 'bytes' },
        settings,
        scope,
      ),
    ];
  },
};

async function contestant(
  kind: Kind,
  options: TalkerOptions,
  { seconds }: Settings,
  scope: Scope,
): Promise<Contestant> {
  const talker = await scope.use(startRole<TalkerRole>('talker', options));
  return {
    name: NAMES[kind],
    async measure() {
      const latenciesMs = await talker.ask('talk', seconds);
      return {
        values: {
          [variant(kind, 'p50')]: percentile(latenciesMs, 0.5),
          [variant(kind, 'p99')]: percentile(latenciesMs, 0.99),
        },
        notes: { count: latenciesMs.length },
      };
    },
  };
}

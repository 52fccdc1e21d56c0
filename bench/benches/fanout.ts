import type { Bench, Contestant, Settings } from '../harness/bench.js';
import type { Scope } from '../harness/scope.js';
import { type Role, startRole } from '../processes/start-role.js';
import { temporaryFolder } from '../processes/temporary-folder.js';
import type { MembersOptions, MembersRole } from '../roles/members.js';
import type { PeerServerOptions, WsServerRole } from '../roles/ws-server.js';
import { startLeat } from './servers.js';

const NAMES = { leat: 'leat', ws: 'ws', socketIo: 'Socket.IO' } as const;
type Kind = keyof typeof NAMES;
const BURSTS = [1, 16];

const variant = (kind: Kind, burst: number) =>
  `${NAMES[kind]}, ${burst === 1 ? 'single messages' : `bursts of ${burst}`}`;

export const fanout: Bench = {
  name: 'fanout',
  summary: 'deliveries to 1,000 members of a room, durable, one message or 16 at a time',
  unit: 'deliveries/s',
  comparisons: [
    { ours: variant('leat', 16), peer: variant('socketIo', 16), aim: { atLeast: 18 } },
    { ours: variant('leat', 16), peer: variant('ws', 16), aim: { atLeast: 15 } },
    { ours: variant('leat', 1), peer: variant('socketIo', 1) },
    { ours: variant('leat', 1), peer: variant('ws', 1), aim: { atLeast: 2.5 } },
  ],
  async open(settings, scope) {
    const leat = await startLeat(scope);
    const ws = await startPeer(scope, 'ws-server');
    const socketIo = await startPeer(scope, 'socket-io-server');
    return [
      await contestant('leat', 'chat', leat, settings, scope),
      await contestant('ws', 'ws', ws, settings, scope),
      await contestant('socketIo', 'socket.io', socketIo, settings, scope),
    ];
  },
};

/** Both peers answer to the same commands. */
async function startPeer(scope: Scope, name: 'ws-server' | 'socket-io-server'): Promise<Role<WsServerRole>> {
  const { path: dataDir } = await scope.use(temporaryFolder());
  return scope.use(startRole<WsServerRole>(name, { dataDir } satisfies PeerServerOptions));
}

async function contestant(
  kind: Kind,
  protocol: MembersOptions['protocol'],
  server: Pick<Role<WsServerRole>, 'ask'>,
  { quick, seconds }: Settings,
  scope: Scope,
): Promise<Contestant> {
  const options: MembersOptions = { port: await server.ask('port'), protocol, members: quick ? 20 : 1000 };
  const members = await scope.use(startRole<MembersRole>('members', options));
  return {
    name: NAMES[kind],
    async measure() {
      const values: Record<string, number> = {};
      const notes: Record<string, number> = {};
      for (const burst of BURSTS) {
        const cpuBefore = await server.ask('cpuSeconds');
        const { cpu, deliveriesPerSecond } = await members.ask('talk', { burst, seconds });
        values[variant(kind, burst)] = deliveriesPerSecond;
        notes[`membersCpu${burst}`] = cpu;
        notes[`serverCpu${burst}`] = ((await server.ask('cpuSeconds')) - cpuBefore) / seconds;
      }
      return { values, notes };
    },
  };
}

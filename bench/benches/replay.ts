import type { Bench, Contestant, Settings } from '../harness/bench.js';
import type { ReplayOrder } from '../load/replay.js';
import type { Role } from '../processes/start-role.js';
import type { LoadRole } from '../roles/load.js';
import { leatWithLoad, plainWithLoad } from './servers.js';

const LEAT = 'leat';
const PLAIN = 'plain nice-grpc, one event a message';

/** One stream, from the first event to the head. */
export const replay: Bench = {
  name: 'replay',
  summary: 'stored events a second through the whole service, to one reader',
  unit: 'events/s',
  comparisons: [{ ours: LEAT, peer: PLAIN, aim: { atLeast: 20 } }],
  async open(settings, scope) {
    const events = settings.quick ? 2_048 : 102_400;
    const [leat, plain] = [await leatWithLoad(scope), await plainWithLoad(scope)];
    await leat.load.ask('fill', events);
    await plain.server.ask('fill', events);
    const topic = 'bench/publish';
    const pages = { path: '/leat.v1.EventService/ListEvents', shape: 'pages', topic, events } as const;
    const records = { path: '/leat.bench.PlainEvents/List', shape: 'records', topic, events } as const;
    return [contestant(LEAT, leat.load, pages, settings), contestant(PLAIN, plain.load, records, settings)];
  },
};

function contestant(name: string, load: Role<LoadRole>, order: ReplayOrder, { seconds }: Settings): Contestant {
  return {
    name,
    async measure() {
      const { perSecond, cpu } = await load.ask('replay', { ...order, seconds });
      return { values: { [name]: perSecond }, notes: { loadCpu: cpu } };
    },
  };
}

import type { Bench, Contestant, Settings } from '../harness/bench.js';
import type { Role } from '../processes/start-role.js';
import type { LoadRole, PublishOrder } from '../roles/load.js';
import { leatWithLoad, plainWithLoad } from './servers.js';

const LEAT = 'leat';
const PLAIN = 'plain nice-grpc, a commit each';
const AT_ONCE = 'plain nice-grpc, one commit at the end';

/** One stream; 256 events of 64 bytes a batch, or one event a message. */
export const publish: Bench = {
  name: 'publish',
  summary: 'durable events a second through the whole service',
  unit: 'events/s',
  comparisons: [
    { ours: LEAT, peer: PLAIN, aim: { atLeast: 20 } },
    { ours: LEAT, peer: AT_ONCE },
  ],
  async open(settings, scope) {
    const [leat, plain] = [await leatWithLoad(scope), await plainWithLoad(scope)];
    const single = (method: string) => ({ path: `/leat.bench.PlainEvents/${method}`, shape: 'events' }) as const;
    return [
      contestant(LEAT, leat.load, { path: '/leat.v1.EventService/PublishEvents', shape: 'batches' }, settings),
      contestant(PLAIN, plain.load, single('Publish'), settings),
      contestant(AT_ONCE, plain.load, single('PublishAtOnce'), settings),
    ];
  },
};

function contestant(
  name: string,
  load: Role<LoadRole>,
  order: Omit<PublishOrder, 'seconds'>,
  { seconds }: Settings,
): Contestant {
  return {
    name,
    async measure() {
      const { perSecond, cpu } = await load.ask('publish', { ...order, seconds });
      return { values: { [name]: perSecond }, notes: { loadCpu: cpu } };
    },
  };
}

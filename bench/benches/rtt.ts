import type { Bench, Contestant, Settings } from '../harness/bench.js';
import { type Role, startRole } from '../processes/start-role.js';
import type { StreamsOptions, StreamsRole } from '../roles/bare-streams.js';
import type { BareServerRole } from '../roles/bare-server.js';
import type { DelayProxyRole } from '../roles/delay-proxy.js';
import type { LeatStreamsRole } from '../roles/leat-streams.js';
import { startLeat } from './servers.js';

const ROUND_TRIPS_MS = [0, 20, 50];
const DIRECTIONS = ['down', 'up'] as const;
type Direction = (typeof DIRECTIONS)[number];
const NAMES = { leat: 'leat', bare: 'grpc-js defaults, no store' } as const;
type Kind = keyof typeof NAMES;

const variant = (kind: Kind, direction: Direction, roundTripMs: number) =>
  `${NAMES[kind]}, ${direction}, ${roundTripMs} ms`;

const aimAt = (roundTripMs: number) => ({ 0: { atLeast: 1 }, 20: { atLeast: 100 } })[roundTripMs];

/** Messages of 64 KiB: replayed from the store, published to be durable; the peer's are made up, and thrown away. */
export const rtt: Bench = {
  name: 'rtt',
  summary: 'one stream, down and up, at 0, 20 and 50 ms of round trip',
  unit: 'MB/s',
  comparisons: ROUND_TRIPS_MS.flatMap((ms) =>
    DIRECTIONS.map((direction) => ({
      ours: variant('leat', direction, ms),
      peer: variant('bare', direction, ms),
      aim: aimAt(ms),
    })),
  ),
  async open(settings, scope) {
    const proxy = await scope.use(startRole<DelayProxyRole>('delay-proxy', {}));
    const leat = await startLeat(scope);
    const bare = await scope.use(startRole<BareServerRole>('bare-server', {}));
    const contestants: Contestant[] = [];
    for (const roundTripMs of ROUND_TRIPS_MS) {
      const far = async (server: Pick<Role<BareServerRole>, 'ask'>): Promise<StreamsOptions> => ({
        port: await proxy.ask('open', { port: await server.ask('port'), roundTripMs }),
      });
      const ofLeat = await scope.use(startRole<LeatStreamsRole>('leat-streams', await far(leat)));
      const ofBare = await scope.use(startRole<StreamsRole>('bare-streams', await far(bare)));
      if (roundTripMs === 0) await ofLeat.ask('fill', settings.quick ? 2 ** 20 : 2 ** 27);
      for (const direction of DIRECTIONS) {
        contestants.push(contestant('leat', ofLeat, direction, roundTripMs, settings));
        contestants.push(contestant('bare', ofBare, direction, roundTripMs, settings));
      }
    }
    return contestants;
  },
};

function contestant(
  kind: Kind,
  client: Pick<Role<StreamsRole>, 'ask'>,
  direction: Direction,
  roundTripMs: number,
  { seconds }: Settings,
): Contestant {
  const name = variant(kind, direction, roundTripMs);
  return { name, measure: async () => ({ values: { [name]: (await client.ask(direction, seconds * 2)) / 1e6 } }) };
}

import type { Aim, Bench, Contestant, Settings } from '../harness/bench.js';
import { type Role, startRole } from '../processes/start-role.js';
import type { BareServerRole } from '../roles/bare-server.js';
import type { StreamsOptions, StreamsRole } from '../roles/bare-streams.js';
import type { DelayProxyRole } from '../roles/delay-proxy.js';
import type { LeatFilesRole } from '../roles/leat-files.js';
import type { LeatStreamsRole } from '../roles/leat-streams.js';
import type { LeatTransportRole } from '../roles/leat-transport.js';
import { startLeat } from './servers.js';

const ROUND_TRIPS_MS = [0, 20, 50];
/** In a sample, however short: the peer moves one window in each. */
const LEAST_ROUND_TRIPS = 20;
const DIRECTIONS = ['down', 'up'] as const;
type Direction = (typeof DIRECTIONS)[number];
const NAMES = {
  transport: 'leat, no store',
  events: 'leat, events, durable',
  files: 'leat, files, durable',
  bare: 'grpc-js defaults, no store',
} as const;
type Kind = keyof typeof NAMES;

/** What the disk decides is shown twice. */
function oursAt(roundTripMs: number): readonly Exclude<Kind, 'bare'>[] {
  return roundTripMs === 50 ? ['transport'] : ['transport', 'events', 'files'];
}

const variant = (kind: Kind, direction: Direction, roundTripMs: number) =>
  `${NAMES[kind]}, ${direction}, ${roundTripMs} ms`;

/** Whether windows cost anything near by is asked where nothing else costs: a disk is not to be beaten by its absence. */
function aimOf(kind: Kind, roundTripMs: number): Aim | undefined {
  if (roundTripMs === 20) return { atLeast: 100 };
  return kind === 'transport' && roundTripMs === 0 ? { atLeast: 1 } : undefined;
}

/**
 * Messages of 64 KiB. With no store they are made up, and thrown away, by our server and our windows as by the peer's;
 * events are replayed from the store and published to be durable, files downloaded and uploaded, all by leat/client.
 */
export const rtt: Bench = {
  name: 'rtt',
  summary: 'one stream, down and up, at 0, 20 and 50 ms of round trip',
  unit: 'MB/s',
  comparisons: ROUND_TRIPS_MS.flatMap((ms) =>
    oursAt(ms).flatMap((kind) =>
      DIRECTIONS.map((direction) => ({
        ours: variant(kind, direction, ms),
        peer: variant('bare', direction, ms),
        aim: aimOf(kind, ms),
      })),
    ),
  ),
  async open(settings, scope) {
    const proxy = await scope.use(startRole<DelayProxyRole>('delay-proxy', {}));
    const leat = await startLeat(scope);
    const transport = await scope.use(startRole<LeatTransportRole>('leat-transport', {}));
    const bare = await scope.use(startRole<BareServerRole>('bare-server', {}));
    const contestants: Contestant[] = [];
    for (const roundTripMs of ROUND_TRIPS_MS) {
      const far = async (server: Pick<Role<LeatTransportRole>, 'ask'>): Promise<StreamsOptions> => ({
        port: await proxy.ask('open', { port: await server.ask('port'), roundTripMs }),
      });
      const own = { ...(await far(transport)), ownWindows: true };
      const clients = {
        transport: await scope.use(startRole<StreamsRole>('bare-streams', own)),
        events: await scope.use(startRole<LeatStreamsRole>('leat-streams', await far(leat))),
        files: await scope.use(startRole<LeatFilesRole>('leat-files', await far(leat))),
        bare: await scope.use(startRole<StreamsRole>('bare-streams', await far(bare))),
      };
      if (roundTripMs === 0) {
        await clients.events.ask('fill', settings.quick ? 2 ** 20 : 2 ** 27);
        await clients.files.ask('fill', settings.quick ? 2 ** 20 : 2 ** 28);
      }
      for (const direction of DIRECTIONS) {
        for (const kind of [...oursAt(roundTripMs), 'bare'] as const) {
          contestants.push(contestant(kind, clients[kind], direction, roundTripMs, settings));
        }
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
  const sampleSeconds = Math.max(seconds * 1.5, (LEAST_ROUND_TRIPS * roundTripMs) / 1000);
  return { name, measure: async () => ({ values: { [name]: (await client.ask(direction, sampleSeconds)) / 1e6 } }) };
}

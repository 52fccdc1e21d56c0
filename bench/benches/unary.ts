import type { Bench, Contestant, Settings } from '../harness/bench.js';
import { type Role, startRole } from '../processes/start-role.js';
import type { BareServerRole } from '../roles/bare-server.js';
import type { CallerOptions, CallerRole } from '../roles/caller.js';
import { startLeat, startPlain } from './servers.js';

const LEAT = 'leat';
const QUIET = 'leat, --log-level warn';
const BARE = 'bare grpc-js, constant bytes';
const PLAIN = 'plain nice-grpc, constant user';

/** Everything that the service does for a call: store, codec, deadline, request id, log, metrics. */
export const unary: Bench = {
  name: 'unary',
  summary: 'processor time of the server for a GetUser call',
  unit: 'µs/call',
  comparisons: [
    { ours: LEAT, peer: BARE, aim: { atMost: 1.15 } },
    { ours: QUIET, peer: BARE },
    { ours: LEAT, peer: PLAIN },
  ],
  async open(settings, scope) {
    const callerOf = async (server: Pick<Role<BareServerRole>, 'ask'>) =>
      scope.use(startRole<CallerRole>('caller', { port: await server.ask('port') } satisfies CallerOptions));
    const [leat, quiet] = [await startLeat(scope), await startLeat(scope, { 'log-level': 'warn' })];
    const bare = await scope.use(startRole<BareServerRole>('bare-server', {}));
    const plain = await startPlain(scope);
    const [ofLeat, ofQuiet] = [await callerOf(leat), await callerOf(quiet)];
    const [ofBare, ofPlain] = [await callerOf(bare), await callerOf(plain)];
    await ofLeat.ask('createUser');
    await ofQuiet.ask('createUser');
    const answer = await ofLeat.ask('getUser');
    await bare.ask('answerWith', answer);
    await plain.ask('answerWith', answer);
    return [
      contestant(LEAT, leat, ofLeat, settings),
      contestant(BARE, bare, ofBare, settings),
      contestant(QUIET, quiet, ofQuiet, settings),
      contestant(PLAIN, plain, ofPlain, settings),
    ];
  },
};

function contestant(
  name: string,
  server: Pick<Role<BareServerRole>, 'ask'>,
  caller: Role<CallerRole>,
  { quick }: Settings,
): Contestant {
  const calls = quick ? 100 : 5_000;
  return {
    name,
    async measure() {
      const before = await server.ask('cpuSeconds');
      await caller.ask('getUsers', calls);
      return { values: { [name]: (((await server.ask('cpuSeconds')) - before) / calls) * 1e6 } };
    },
  };
}

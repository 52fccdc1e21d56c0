import type { Bench, Contestant, Settings } from '../harness/bench.js';
import type { Scope } from '../harness/scope.js';
import { percentile } from '../harness/statistics.js';
import { startRole } from '../processes/start-role.js';
import type { StamperOptions, StamperRole } from '../roles/stamper.js';
import type { TailerOptions, TailerRole } from '../roles/tailer.js';
import { startLeat, startPlain } from './servers.js';

const EVENTS_A_SECOND = 500;
const TAILS = [1, 1000];
const NAMES = {
  leat: 'leat',
  plain: 'plain nice-grpc, EventEmitter, no store',
  stored: 'plain nice-grpc, EventEmitter, a commit each',
} as const;
type Kind = keyof typeof NAMES;

const variant = (kind: Kind, tails: number, which: string) =>
  `${NAMES[kind]}, ${tails} ${tails === 1 ? 'tail' : 'tails'}, ${which}`;

export const tail: Bench = {
  name: 'tail',
  summary: `time from publishing to every live tail, at ${EVENTS_A_SECOND} events a second, 1 and 1,000 tails`,
  unit: 'ms',
  comparisons: [
    ...TAILS.flatMap((tails) => [
      { ours: variant('leat', tails, 'p50'), peer: variant('plain', tails, 'p50') },
      { ours: variant('leat', tails, 'p99'), peer: variant('plain', tails, 'p99'), aim: { atMost: 2 } },
    ]),
    { ours: variant('leat', 1, 'p99'), peer: variant('stored', 1, 'p99') },
  ],
  async open(settings, scope) {
    const leat = await startLeat(scope);
    const plain = await startPlain(scope);
    const topic = 'bench/tail';
    const ofLeat = await startEnds(scope, await leat.ask('port'), {
      stamper: { path: '/leat.v1.EventService/PublishEvent', shape: 'request', topic },
      tailer: { path: '/leat.v1.EventService/ListEvents', shape: 'pages', topic },
    });
    const ofPlain = await startEnds(scope, await plain.ask('port'), {
      stamper: { path: '/leat.bench.PlainEvents/Emit', shape: 'event', topic },
      tailer: { path: '/leat.bench.PlainEvents/Watch', shape: 'records', topic },
    });
    const ofStored = await startEnds(scope, await plain.ask('port'), {
      stamper: { path: '/leat.bench.PlainEvents/StoreAndEmit', shape: 'event', topic },
      tailer: { path: '/leat.bench.PlainEvents/Watch', shape: 'records', topic },
    });
    return [
      ...TAILS.flatMap((tails) => [
        contestant('leat', ofLeat, tails, settings),
        contestant('plain', ofPlain, tails, settings),
      ]),
      contestant('stored', ofStored, 1, settings),
    ];
  },
};

type Ends = Awaited<ReturnType<typeof startEnds>>;

interface EndOptions {
  readonly stamper: Omit<StamperOptions, 'port'>;
  readonly tailer: Omit<TailerOptions, 'port'>;
}

/** A process that publishes and one that tails. */
async function startEnds(scope: Scope, port: number, { stamper, tailer }: EndOptions) {
  return {
    stamper: await scope.use(startRole<StamperRole>('stamper', { port, ...stamper })),
    tailer: await scope.use(startRole<TailerRole>('tailer', { port, ...tailer })),
  };
}

function contestant(kind: Kind, { stamper, tailer }: Ends, tails: number, { seconds }: Settings): Contestant {
  return {
    name: `${NAMES[kind]}, ${tails}`,
    async measure() {
      await tailer.ask('open', tails);
      const sentAt = await stamper.ask('publish', { perSecond: EVENTS_A_SECOND, seconds: seconds * 2 });
      const { latenciesMs, missing, cpu } = await tailer.ask('collect', sentAt);
      return {
        values: {
          [variant(kind, tails, 'p50')]: percentile(latenciesMs, 0.5),
          [variant(kind, tails, 'p99')]: percentile(latenciesMs, 0.99),
        },
        notes: { missing, tailerCpu: cpu },
      };
    },
  };
}

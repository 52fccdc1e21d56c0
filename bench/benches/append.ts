import type { Bench, Contestant, Settings } from '../harness/bench.js';
import type { Scope } from '../harness/scope.js';
import { type Role, startRole } from '../processes/start-role.js';
import { temporaryFolder } from '../processes/temporary-folder.js';
import type { AppenderOptions, AppenderRole } from '../roles/appender.js';

const SIZES = [1, 100, 1000];
const KINDS = ['leat', 'bare', 'rows'] as const;
type Kind = (typeof KINDS)[number];
const NAMES: Readonly<Record<Kind, string>> = {
  leat: 'leat',
  bare: 'bare append + fdatasync',
  rows: 'row and unique key each',
};

const variant = (kind: Kind, size: number) => `${NAMES[kind]}, ${size} a commit`;

export const append: Bench = {
  name: 'append',
  summary: 'durable events a second through the store, by producer sequence',
  unit: 'events/s',
  comparisons: SIZES.flatMap((size) => [
    { ours: variant('leat', size), peer: variant('bare', size), aim: size === 100 ? { atLeast: 0.8 } : undefined },
    { ours: variant('leat', size), peer: variant('rows', size), aim: size === 1000 ? { atLeast: 8 } : undefined },
  ]),
  async open(settings, scope) {
    const appenders = await Promise.all(KINDS.map(async (kind) => ({ kind, role: await startAppender(kind, scope) })));
    return SIZES.flatMap((size) => appenders.map(({ kind, role }) => contestant(kind, role, size, settings)));
  },
};

async function startAppender(kind: Kind, scope: Scope): Promise<Role<AppenderRole>> {
  const { path: dataDir } = await scope.use(temporaryFolder());
  return scope.use(startRole<AppenderRole>('appender', { kind, dataDir } satisfies AppenderOptions));
}

function contestant(kind: Kind, role: Role<AppenderRole>, size: number, { seconds }: Settings): Contestant {
  const name = variant(kind, size);
  return {
    name,
    measure: async () => ({ values: { [name]: await role.ask('append', { eventsPerCommit: size, seconds }) } }),
  };
}

import type { Bench } from '../harness/bench.js';
import { startRole } from '../processes/start-role.js';
import { temporaryFolder } from '../processes/temporary-folder.js';
import type { LooperOptions, LooperRole } from '../roles/looper.js';

const NAMES = { thread: 'writer thread', main: 'same appends on the main thread' } as const;

/** 1,024 writes of one event in flight. */
export const loop: Bench = {
  name: 'loop',
  summary: 'event-loop delay (p99) while 1,024 writes are in flight all the time',
  unit: 'ms',
  comparisons: [{ ours: NAMES.thread, peer: NAMES.main, aim: { atMost: 0.4 } }],
  open: (settings, scope) =>
    Promise.all(
      (['thread', 'main'] as const).map(async (kind) => {
        const { path: dataDir } = await scope.use(temporaryFolder());
        const role = await scope.use(startRole<LooperRole>('looper', { kind, dataDir } satisfies LooperOptions));
        return {
          name: NAMES[kind],
          async measure() {
            const { p99Ms, perSecond } = await role.ask('append', settings.seconds);
            return { values: { [NAMES[kind]]: p99Ms }, notes: { eventsPerSecond: perSecond } };
          },
        };
      }),
    ),
};

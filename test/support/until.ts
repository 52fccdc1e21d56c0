import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';

/** Resolves when `condition` holds; it is looked at once in every turn of the event loop. The test's timeout bounds it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await nextTurn();
}

/** As `until`, with a rest between looks: for what another process does, which would compete with looks at every turn. */
export async function untilPolled(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(20);
}

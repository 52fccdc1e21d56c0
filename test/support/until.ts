import { setImmediate as nextTurn } from 'node:timers/promises';

/** Resolves when `condition` holds; it is looked at once in every turn of the event loop. The test's timeout bounds it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await nextTurn();
}

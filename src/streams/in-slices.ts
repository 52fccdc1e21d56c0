import { setImmediate as nextTurn } from 'node:timers/promises';

/** Items per turn of the event loop. Aborting a call, for example, takes its handler up to 0.1 ms. */
export const SLICE_ITEMS = 64;

/**
 * Calls `act` for each item: for the first ones at once, for the others in later turns of the event loop, so that other
 * work is done in between. Resolves after the last one. `act` must not throw.
 */
export async function inSlices<T>(items: readonly T[], act: (item: T) => void): Promise<void> {
  for (let next = 0; next < items.length; next += SLICE_ITEMS) {
    if (next > 0) await nextTurn();
    items.slice(next, next + SLICE_ITEMS).forEach(act);
  }
}

/** Items that are handled in one turn of the event loop: what follows for each may take a tenth of a millisecond. */
export const SLICE_ITEMS = 64;

/**
 * Calls `act` for each item: for the first ones at once, for the others in later turns of the event loop, so that other
 * work is done in between. `act` must not throw.
 */
export function inSlices<T>(items: readonly T[], act: (item: T) => void): void {
  let next = 0;
  function runSlice(): void {
    const end = Math.min(next + SLICE_ITEMS, items.length);
    while (next < end) act(items[next++] as T);
    if (next < items.length) setImmediate(runSlice);
  }
  runSlice();
}

/**
 * How far a reader is from the head: reading what was there before; at the head; slower than the writers after it was
 * live; at the end that was asked for.
 */
export type ReaderState = 'replaying' | 'live' | 'fell-behind' | 'complete';

/** So many pages in a row with more behind them, and a live reader has fallen behind. */
const pagesToFallBehind = 2;

export interface ReaderStates {
  /** The state after a page. `scannedTo` is how far it read, `head` the last offset at that time. */
  after(page: { readonly scannedTo: number; readonly head: number }): Exclude<ReaderState, 'complete'>;
}

export function createReaderStates(): ReaderStates {
  let state: Exclude<ReaderState, 'complete'> = 'replaying';
  let fullPages = 0;
  return {
    after(page) {
      const full = page.scannedTo < page.head;
      fullPages = full ? fullPages + 1 : 0;
      if (!full) state = 'live';
      else if (state === 'live' && fullPages >= pagesToFallBehind) state = 'fell-behind';
      return state;
    },
  };
}

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
  return new CountedStates();
}

/** A class, since every reader that is quiet keeps one. */
class CountedStates implements ReaderStates {
  private state: Exclude<ReaderState, 'complete'> = 'replaying';
  private fullPages = 0;

  after(page: { readonly scannedTo: number; readonly head: number }): Exclude<ReaderState, 'complete'> {
    const full = page.scannedTo < page.head;
    this.fullPages = full ? this.fullPages + 1 : 0;
    if (!full) this.state = 'live';
    else if (this.state === 'live' && this.fullPages >= pagesToFallBehind) this.state = 'fell-behind';
    return this.state;
  }
}

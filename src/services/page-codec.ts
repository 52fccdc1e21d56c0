import { TailState } from '../../gen/leat/v1/event.js';
import { ListEventsResponse } from '../../gen/leat/v1/event_service.js';
import type { TokenCodec } from '../domain/tokens.js';
import type { Page } from '../store/store.js';
import type { ReaderState } from '../streams/reader-state.js';

const STATES: Readonly<Record<ReaderState, TailState>> = {
  replaying: TailState.TAIL_STATE_REPLAYING,
  live: TailState.TAIL_STATE_LIVE,
  'fell-behind': TailState.TAIL_STATE_FELL_BEHIND,
  complete: TailState.TAIL_STATE_COMPLETE,
};

/** Encodes a page as a ListEventsResponse; `tokens` are those of the topic it was read from. */
export type PageEncoder = (page: Page, state: ReaderState, tokens: TokenCodec) => Uint8Array;

/**
 * Joins the stored records, as they are, with the few fields that go with them. Readers at the head are given the same
 * page by the store, and share its encoding here: it is made once for a wake-up, not once for each of them.
 */
export function createPageEncoder(): PageEncoder {
  const shared = new WeakMap<Page, { readonly state: ReaderState; readonly bytes: Uint8Array }>();
  return (page, state, tokens) => {
    const known = shared.get(page);
    if (known?.state === state) return known.bytes;
    const bytes = encodePage(page, state, tokens);
    shared.set(page, { state, bytes });
    return bytes;
  };
}

function encodePage(page: Page, state: ReaderState, tokens: TokenCodec): Uint8Array {
  const rest = ListEventsResponse.encode({
    records: [],
    resumeToken: tokens.encode({ offset: page.scannedTo, key: '' }),
    readOffset: BigInt(page.scannedTo),
    headOffset: BigInt(page.head),
    state: STATES[state],
  }).finish();
  // The order of fields does not matter on the wire, so the run of records can go first.
  return page.bytes.length === 0 ? rest : Buffer.concat([page.bytes, rest]);
}

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

/** A page in the hands of one reader, which may let go of its bytes. */
export interface OwnPage extends Omit<Page, 'bytes'> {
  bytes: Uint8Array;
}

/** A ListEventsResponse that is encoded when it is written, once. */
export interface PageResponse {
  take(): Uint8Array;
}

/** Makes the response of a page; `tokens` are those of the topic it was read from. */
export type PageResponder = (page: OwnPage, state: ReaderState, tokens: TokenCodec) => PageResponse;

const NOTHING = new Uint8Array();

/**
 * Joins the stored records, as they are, with the few fields that go with them. Readers at the head are given the same
 * records by the store, and share their encoding here: it is made once for a wake-up, not once for each of them.
 *
 * The page lets go of its bytes when it is written: whoever still holds page or response, while the client does not
 * read, holds nothing. What waits for the socket is the encoding alone.
 */
export function createPageResponder(): PageResponder {
  const shared = new WeakMap<Uint8Array, { readonly state: ReaderState; readonly encoded: Uint8Array }>();

  function encodeShared(page: OwnPage, state: ReaderState, tokens: TokenCodec): Uint8Array {
    const { bytes } = page;
    if (bytes.length === 0 || page.scannedTo < page.head) return encodePage(page, state, tokens);
    const known = shared.get(bytes);
    if (known?.state === state) return known.encoded;
    const encoded = encodePage(page, state, tokens);
    shared.set(bytes, { state, encoded });
    return encoded;
  }

  return (page, state, tokens) => ({
    take() {
      const encoded = encodeShared(page, state, tokens);
      page.bytes = NOTHING;
      return encoded;
    },
  });
}

function encodePage(page: Page, state: ReaderState, tokens: TokenCodec): Uint8Array {
  const rest = ListEventsResponse.encode({
    records: [],
    resumeToken: tokens.encode({ offset: page.scannedTo, key: '', commitTimeMs: page.commitTimeMs }),
    readOffset: BigInt(page.scannedTo),
    headOffset: BigInt(page.head),
    state: STATES[state],
  }).finish();
  // The order of fields does not matter on the wire, so the run of records can go first.
  return page.bytes.length === 0 ? rest : Buffer.concat([page.bytes, rest]);
}

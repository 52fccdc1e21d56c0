import { TailState } from '../../../gen/leat/v1/event.js';
import type { ListEventsResponse } from '../../../gen/leat/v1/event_service.js';
import type { Setback } from '../attempts.js';
import type { FollowState, FollowStatus } from './follow-options.js';

/** Keeps the status of one reader, and tells what changes. */
export interface StatusBoard {
  readonly current: FollowStatus;
  /** The reader begins behind this offset. */
  begin(offset: bigint): void;
  /** A page has come, and nothing of it was delivered yet. */
  page(page: ListEventsResponse): void;
  /** Everything up to the offset was delivered or did not match. */
  read(offset: bigint): void;
  /** All of the page was delivered, and is done. */
  done(page: ListEventsResponse): void;
  setback(setback: Setback): void;
  ended(): void;
}

const states: Readonly<Partial<Record<TailState, FollowState>>> = {
  [TailState.TAIL_STATE_REPLAYING]: 'replaying',
  [TailState.TAIL_STATE_LIVE]: 'live',
  [TailState.TAIL_STATE_FELL_BEHIND]: 'fell-behind',
};

export function createStatusBoard(onState: ((status: FollowStatus) => void) | undefined): StatusBoard {
  let state: FollowState = 'connecting';
  let listener = onState;
  let readOffset = -1n;
  let headOffset = -1n;
  let trouble: Pick<FollowStatus, 'error' | 'attempt' | 'retryInMs'> = {};

  function status(): FollowStatus {
    const lag = headOffset > readOffset ? headOffset - readOffset : 0n;
    return { state, readOffset, headOffset, lag, ...trouble };
  }

  function enter(next: FollowState): void {
    const changed = next !== state || next === 'reconnecting';
    state = next;
    if (!changed || listener === undefined) return;
    const tell = listener;
    // Who throws is told nothing more, not even that this was the end.
    listener = undefined;
    tell(status());
    listener = tell;
  }

  const begin = (offset: bigint) => void (readOffset = offset);

  return {
    get current() {
      return status();
    },
    begin,
    page({ headOffset: head, records, state: told }) {
      headOffset = head;
      trouble = {};
      // Live is who has nothing left to handle, not who was sent the last of it.
      const isBehind = told === TailState.TAIL_STATE_LIVE && (records.at(-1)?.offset ?? 0n) > readOffset;
      const next = isBehind && state !== 'live' ? 'replaying' : states[told];
      if (next !== undefined) enter(next);
    },
    read: begin,
    done({ readOffset: offset, state: told }) {
      begin(offset);
      if (told === TailState.TAIL_STATE_LIVE) enter('live');
    },
    setback({ error, attempt, delayMs: retryInMs }) {
      trouble = { error, attempt, retryInMs };
      enter('reconnecting');
    },
    ended() {
      trouble = {};
      enter('ended');
    },
  };
}

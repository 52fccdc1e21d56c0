import { TailState } from '../../../gen/leat/v1/event.js';
import type { ListEventsResponse } from '../../../gen/leat/v1/event_service.js';
import type { Setback } from '../attempts.js';
import type { FollowState, FollowStatus } from './follow-options.js';

/** Keeps the status of one reader, and tells what changes. */
export interface StatusBoard {
  readonly current: FollowStatus;
  /** A page has come, and nothing of it was delivered yet. */
  page(page: ListEventsResponse): void;
  /** Everything up to the offset was delivered or did not match. */
  read(offset: bigint): void;
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

  const status = (): FollowStatus => ({ state, readOffset, headOffset, lag: headOffset - readOffset, ...trouble });
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

  return {
    get current() {
      return status();
    },
    page(page) {
      ({ headOffset } = page);
      const [first] = page.records;
      if (first === undefined) ({ readOffset } = page);
      else if (readOffset < 0n) readOffset = first.offset - 1n;
      trouble = {};
      const next = states[page.state];
      if (next !== undefined) enter(next);
    },
    read: (offset) => void (readOffset = offset),
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

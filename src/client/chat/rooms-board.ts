import { LeatError } from '../leat-error.js';
import type { Setback } from '../attempts.js';
import type { RoomsState, RoomsStatus } from './chat-options.js';
import { createObservable, type Store } from './observable.js';

/** Keeps the status of one stream, and tells what changes. */
export interface RoomsBoard extends Store<RoomsStatus> {
  readonly state: RoomsState;
  live(): void;
  setback(setback: Setback): void;
  ended(error?: unknown): void;
}

export function createRoomsBoard(onState: ((status: RoomsStatus) => void) | undefined): RoomsBoard {
  const observable = createObservable();
  let status: RoomsStatus = { state: 'connecting' };
  let listener = onState;

  function enter(next: RoomsStatus): void {
    status = next;
    observable.changed();
    const tell = listener;
    // Who throws is told nothing more, not even that this was the end.
    listener = undefined;
    tell?.(next);
    listener = tell;
  }

  return {
    subscribe: (listener) => observable.subscribe(listener),
    snapshot: () => status,
    get state() {
      return status.state;
    },
    live: () => void (status.state !== 'live' && enter({ state: 'live' })),
    setback: ({ error, attempt, delayMs: retryInMs }) => enter({ state: 'reconnecting', error, attempt, retryInMs }),
    ended: (error) => enter({ state: 'ended', error: error instanceof LeatError ? error : undefined }),
  };
}

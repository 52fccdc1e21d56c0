import type { RoomJoined, RoomMessages, RoomProblem } from '../../../gen/leat/v1/chat_service.js';
import { TailState } from '../../../gen/leat/v1/event.js';
import { LeatError } from '../leat-error.js';
import { createHolds } from './holds.js';
import type { Inflow } from './inflow.js';
import type { Frame, FrameSource } from './outbox.js';
import type { OwnMark } from './own-mark.js';
import type { OwnState } from './own-state.js';
import { noPosition, problemError, roomClosed } from './room-errors.js';
import type { Incoming } from './room-port.js';
import type { RoomBoard, RoomStatus } from './room-view.js';
import type { Sends } from './sends.js';
import type { Settlement } from './settlement.js';

/** One's part in one room of the conversation with the service: what to say next, and what is meant by what comes. */
export interface Member extends FrameSource {
  /** Why nothing more can be said; undefined while it can. */
  readonly refusal: Error | undefined;
  handle(frame: Incoming): void;
  /** The stream is gone; the next one knows nothing of the room. */
  lost(): void;
  leave(): void;
  /** Nothing more comes. */
  end(error?: Error): void;
}

export interface MemberDeps {
  readonly name: string;
  readonly hidden: boolean;
  readonly inflow: Inflow;
  readonly sends: Sends;
  readonly ownState: OwnState;
  readonly ownMark: OwnMark;
  readonly board: RoomBoard;
  readonly joined: Settlement;
  readonly ended: Settlement;
  readonly onProblem?: (error: LeatError) => void;
  /** There may be something to say. */
  readonly wake: () => void;
  /** Calls back once everything that the service has queued so far has come; returns the nonce to ask with. */
  readonly expectPong: (onPong: () => void) => bigint;
  readonly onOver: () => void;
}

/**
 * - `out`: the stream does not know of the room.
 * - `asked`: to be let in.
 * - `in`.
 * - `leaving`, `left`: the service is told; what it has sent before may still come.
 * - `over`: for good.
 */
type Phase = 'out' | 'asked' | 'in' | 'leaving' | 'left' | 'over';

/** What may be held back; of live state each key for itself. */
const JOIN = 'join';
const SENDS = 'sends';
const MARK = 'mark';
const keyHold = (key: string) => `key ${key}`;

const statuses: Readonly<Partial<Record<TailState, RoomStatus>>> = {
  [TailState.TAIL_STATE_REPLAYING]: 'replaying',
  [TailState.TAIL_STATE_LIVE]: 'live',
  [TailState.TAIL_STATE_FELL_BEHIND]: 'fell-behind',
};

export function createMember(deps: MemberDeps): Member {
  const { name: room, hidden, inflow, sends, ownState, ownMark, board, joined, ended, wake } = deps;
  let phase: Phase = 'out';
  let isGoing = false;
  let failure: Error | undefined;
  const holds = createHolds(wake);
  const isKeyHeld = (key: string) => holds.has(keyHold(key));

  /** What was said before goes out first. */
  const mayGo = () => isGoing && sends.size === 0;

  function nextFrame(): Frame | undefined {
    // What waits here is bounded also while the service wants to be left alone.
    const paused = phase === 'in' && !isGoing ? inflow.nextPause() : undefined;
    if (paused !== undefined) return { $case: 'pause', value: { room, paused } };
    switch (phase) {
      case 'out':
        if (holds.has(JOIN)) return undefined;
        phase = 'asked';
        return { $case: 'join', value: { room, start: inflow.start(), hidden } };
      case 'in':
        return mayGo() ? goOut() : speak();
      case 'leaving':
        phase = 'left';
        return { $case: 'ping', value: { nonce: deps.expectPong(() => end()) } };
      case 'asked':
      case 'left':
      case 'over':
        return undefined;
    }
  }

  function speak(): Frame | undefined {
    // A message waits for one that was refused for the moment, and keeps its place behind it.
    const send = holds.has(SENDS) ? undefined : sends.next(room);
    if (send !== undefined) return { $case: 'send', value: send };
    const setState = ownState.next(room, isKeyHeld);
    if (setState !== undefined) return { $case: 'setState', value: setState };
    const markRead = holds.has(MARK) ? undefined : ownMark.next(room);
    return markRead && { $case: 'markRead', value: markRead };
  }

  function goOut(): Frame {
    phase = 'leaving';
    return { $case: 'leave', value: { room } };
  }

  function handle(frame: Incoming): void {
    if (phase === 'leaving' || phase === 'left' || phase === 'over') return;
    switch (frame.$case) {
      case 'joined':
        return letIn(frame.value);
      case 'messages':
        return take(frame.value);
      case 'delivered':
        return frame.value.deliveries.forEach((delivery) => sends.deliver(delivery));
      case 'presence':
        return board.presence(frame.value);
      case 'state':
        return board.state(frame.value);
      case 'readMarks':
        return board.readMarks(frame.value);
      case 'problem':
        return solve(frame.value);
      case 'pong':
      case 'heartbeat':
        return; // Not of a room.
    }
  }

  function letIn(frame: RoomJoined): void {
    if (frame.resumeToken === '') return end(noPosition(room));
    board.joined(frame);
    // Who was away from the changes for long is told all of the room again, and nothing else has changed.
    if (phase !== 'in') board.set({ status: 'replaying' });
    phase = 'in';
    inflow.joined(frame.resumeToken);
    ownState.reconcile(board.current.states.get(frame.memberId) ?? new Map());
    ownMark.reconcile(frame.readOffset);
    joined.settle();
    wake();
  }

  function take(page: RoomMessages): void {
    if (isGoing) return;
    board.messages(inflow.page(page));
    board.set({ headOffset: page.headOffset, status: statuses[page.state] ?? board.current.status });
    // It may be time for a pause.
    wake();
  }

  /** What the service could not do: it is done again later if that helps, and nothing else waits for it. */
  function solve(problem: RoomProblem): void {
    const error = problemError(problem);
    const { about } = problem;
    const retryMs = error.retryable ? error.retryAfterMs : undefined;
    switch (about?.$case) {
      case 'join':
      case 'removed':
        if (retryMs === undefined) return end(error);
        holds.hold(JOIN, retryMs);
        return lost();
      case 'messageId':
        if (retryMs === undefined) return sends.reject(about.value, error);
        holds.hold(SENDS, retryMs);
        return sends.again(about.value);
      case 'key':
        if (retryMs === undefined) ownState.forget(about.value);
        else ownState.again(about.value);
        return later(keyHold(about.value), error, retryMs);
      case 'markOffset':
        if (retryMs === undefined) ownMark.forget(about.value);
        else ownMark.again(about.value);
        return later(MARK, error, retryMs);
      case undefined:
        return deps.onProblem?.(error);
    }
  }

  /** Holds back what nobody waits for; reports the error if it is not done again. */
  function later(name: string, error: LeatError, retryMs: number | undefined): void {
    if (retryMs === undefined) deps.onProblem?.(error);
    else holds.hold(name, retryMs);
  }

  function lost(): void {
    if (phase === 'over') return;
    if (mayGo()) return end();
    phase = 'out';
    sends.resend();
    inflow.lost();
    board.set({ status: board.current.memberId === '' ? 'joining' : 'rejoining' });
    wake();
  }

  function leave(): void {
    if (isGoing || phase === 'over') return;
    isGoing = true;
    inflow.end();
    if (phase === 'out' && mayGo()) end();
    else wake();
  }

  function end(error?: Error): void {
    if (phase === 'over') return;
    phase = 'over';
    failure = error;
    holds.clear();
    inflow.end(error);
    sends.rejectAll(error ?? roomClosed());
    board.set({ status: 'ended', error: error instanceof LeatError ? error : undefined });
    joined.settle(error ?? roomClosed());
    ended.settle(error);
    deps.onOver();
  }

  return {
    get refusal() {
      return phase === 'over' || isGoing ? (failure ?? roomClosed()) : undefined;
    },
    nextFrame,
    handle,
    lost,
    leave,
    end,
  };
}

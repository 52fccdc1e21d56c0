import { AbortError, throwIfAborted } from 'abort-controller-x';
import type { Delivery } from '../../../gen/leat/v1/chat_service.js';
import { Event } from '../../../gen/leat/v1/event.js';
import { refuseEmptyOption } from '../refuse-empty-option.js';
import type { JoinedRoom, JoinOptions, MessageInput, SendOptions } from './chat-options.js';
import { onAbort } from '../link-signals.js';
import { createInflow } from './inflow.js';
import { createMember, type MemberDeps } from './member.js';
import type { QueueTotal } from './message-queue.js';
import { createObservable, valuesOf } from './observable.js';
import { createOwnMark } from './own-mark.js';
import { createOwnState } from './own-state.js';
import type { RoomPort } from './room-port.js';
import { createRoomBoard, type RoomView } from './room-view.js';
import type { SendLimit } from './send-limit.js';
import { createSends } from './sends.js';
import { createSettlement } from './settlement.js';

export interface RoomDeps extends Pick<MemberDeps, 'name' | 'wake' | 'expectPong' | 'onOver'> {
  readonly options: JoinOptions;
  readonly limit: SendLimit;
  readonly queued: QueueTotal;
  readonly nextId: () => string;
}

export function createRoom({ options, limit, queued, nextId, ...deps }: RoomDeps): RoomPort {
  const { start = 'now', hidden = false, keep = 0, onProblem } = options;
  const { name, wake } = deps;
  const observable = createObservable();
  const sends = createSends(limit, wake);
  const ownState = createOwnState();
  const ownMark = createOwnMark();
  const board = createRoomBoard(
    keep,
    () => sends.pending,
    () => observable.changed(),
  );
  const inflow = createInflow(start, keep, queued, wake);
  const [joined, ended] = [createSettlement(), createSettlement()];
  const member = createMember({ ...deps, hidden, inflow, sends, ownState, ownMark, board, joined, ended, onProblem });

  function sendsChanged(): void {
    board.pendingChanged();
    wake();
  }

  async function send(input: MessageInput, { signal }: SendOptions = {}): Promise<Delivery> {
    if (member.refusal !== undefined) throw member.refusal;
    if (signal !== undefined) throwIfAborted(signal);
    const event = toEvent(input, nextId);
    const delivery = sends.add(event);
    const forget = onAbort(signal, () => sends.giveUp(event, new AbortError()));
    try {
      sendsChanged();
      return await delivery;
    } finally {
      forget();
      sendsChanged();
    }
  }

  const store = {
    subscribe: (listener: () => void) => observable.subscribe(listener),
    snapshot: () => board.current,
  };
  const values = <T>(select: (view: RoomView) => T, signal?: AbortSignal) =>
    valuesOf(store, select, ({ status }) => status === 'ended', signal);

  const room: JoinedRoom = {
    ...store,
    name,
    joined: joined.promise,
    ended: ended.promise,
    messages: inflow.iterable,
    members: (signal) => values(({ members }) => members, signal),
    states: (signal) => values(({ states }) => states, signal),
    readMarks: (signal) => values(({ readMarks }) => readMarks, signal),
    send,
    setState(key, value, { ttlMs } = {}) {
      ownState.set(key, typeof value === 'string' ? Buffer.from(value) : value, ttlMs);
      wake();
    },
    markRead(offset) {
      if (!ownMark.moveTo(BigInt(offset))) return;
      board.read(BigInt(offset));
      wake();
    },
    async leave() {
      member.leave();
      await ended.promise.catch(() => undefined); // Whatever ended it, it is over.
    },
  };
  return { ...member, room };
}

function toEvent(input: MessageInput, nextId: () => string): Event {
  if (typeof input === 'string') return toEvent({ payload: { $case: 'text', value: input } }, nextId);
  if (input instanceof Uint8Array) return toEvent({ payload: { $case: 'data', value: input } }, nextId);
  // Whoever gives an id wants a message that is sent again to be recognized.
  refuseEmptyOption('id', input.id);
  const event = Event.fromPartial(input);
  return event.id === '' ? { ...event, id: nextId() } : event;
}

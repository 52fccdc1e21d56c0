import type { Member, RoomJoined, RoomPresence, RoomReadMarks, RoomState } from '../../../gen/leat/v1/chat_service.js';
import type { LeatError } from '../leat-error.js';
import type { RoomMessage } from './chat-options.js';
import type { PendingMessage } from './sends.js';

/**
 * - `joining`: not in yet.
 * - `replaying`: in; what was said before, or while the connection was lost, is coming.
 * - `live`: what is said now comes now.
 * - `fell-behind`: was live, and is slower than the writers now.
 * - `rejoining`: the connection was lost; what else is told here is as it was.
 * - `ended`: left, or out for another reason, which `error` tells.
 */
export type RoomStatus = 'joining' | 'replaying' | 'live' | 'fell-behind' | 'rejoining' | 'ended';

/** A room as it is. Never changes: after a change there is another one, whose unchanged parts are the same objects. */
export interface RoomView {
  readonly status: RoomStatus;
  readonly error?: LeatError;
  /** One's own name in the room; empty until one is in. */
  readonly memberId: string;
  /** Who is there and not hidden, by the order in which they came; at most about 1,000, see memberCount. */
  readonly members: readonly Member[];
  readonly memberCount: number;
  /** Live state: by member, by key. */
  readonly states: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;
  /** How far users have read, oneself among them, by user, as far as that was told. */
  readonly readMarks: ReadonlyMap<string, bigint>;
  /** How far one has read oneself, on any device. */
  readonly readOffset: bigint;
  /** The room's last offset, as far as one was told; -1 until one is in. */
  readonly headOffset: bigint;
  /** The newest messages, as many as `keep` says. */
  readonly messages: readonly RoomMessage[];
  /** One's own messages that are not known to be durable. */
  readonly pending: readonly PendingMessage[];
}

/** Keeps the view of one room. Every method but `current` notes a change. */
export interface RoomBoard {
  readonly current: RoomView;
  set(change: Partial<Pick<RoomView, 'status' | 'error' | 'headOffset'>>): void;
  /** One has read up to there oneself. */
  read(offset: bigint): void;
  /** What `pendingOf` gives has changed. */
  pendingChanged(): void;
  joined(frame: RoomJoined): void;
  presence(frame: RoomPresence): void;
  state(frame: RoomState): void;
  readMarks(frame: RoomReadMarks): void;
  messages(messages: readonly RoomMessage[]): void;
}

const empty: RoomView = {
  status: 'joining',
  memberId: '',
  members: [],
  memberCount: 0,
  states: new Map(),
  readMarks: new Map(),
  readOffset: 0n,
  headOffset: -1n,
  messages: [],
  pending: [],
};

export function createRoomBoard(
  keep: number,
  pendingOf: () => readonly PendingMessage[],
  onChange: () => void,
): RoomBoard {
  let view = empty;
  let isStale = false;
  /** Members that are counted and were not told by name: a large room is told bit by bit. */
  let untold = 0;
  function set(change: Partial<RoomView>): void {
    view = { ...view, ...change };
    onChange();
  }

  function countChange(joined: readonly Member[], left: readonly string[]): number {
    const known = new Set(view.members.map(({ memberId }) => memberId));
    const came = joined.filter(({ memberId }) => !known.has(memberId)).length;
    const counted = Math.min(untold, came);
    untold -= counted;
    const missing = left.filter((memberId) => !known.has(memberId)).length;
    const wasCounted = Math.min(untold, missing);
    untold -= wasCounted;
    return came - counted - (left.length - missing + wasCounted);
  }

  const furthest = (offset: bigint) => (offset > view.readOffset ? offset : view.readOffset);
  return {
    get current() {
      // Made when somebody looks: a burst of sends changes it often.
      if (isStale) view = { ...view, pending: pendingOf() };
      isStale = false;
      return view;
    },
    set,
    read: (offset) => set({ readOffset: furthest(offset) }),
    pendingChanged() {
      isStale = true;
      onChange();
    },
    joined({ memberId, members, memberCount, state, headOffset, readOffset }) {
      untold = memberCount - members.length;
      const states = withEntries(new Map(), state);
      set({ memberId, members, memberCount, states, headOffset, readOffset: furthest(readOffset) });
    },
    presence({ joined, left }) {
      const gone = new Set([...left, ...joined.map(({ memberId }) => memberId)]);
      const stayed = view.members.filter(({ memberId }) => !gone.has(memberId));
      const memberCount = view.memberCount + countChange(joined, left);
      set({ members: [...stayed, ...joined], memberCount, states: without(view.states, left) });
    },
    state: ({ entries }) => set({ states: withEntries(view.states, entries) }),
    readMarks({ marks }) {
      const all = [...view.readMarks, ...marks.map(({ user, offset }) => [user, offset] as const)];
      // 0 says that there is none: what was told before could not be stored.
      set({ readMarks: new Map([...new Map(all)].filter(([, offset]) => offset > 0n)) });
    },
    messages(messages) {
      if (keep > 0 && messages.length > 0) set({ messages: [...view.messages, ...messages].slice(-keep) });
    },
  };
}

function without(states: RoomView['states'], memberIds: readonly string[]): RoomView['states'] {
  if (!memberIds.some((memberId) => states.has(memberId))) return states;
  return new Map([...states].filter(([memberId]) => !memberIds.includes(memberId)));
}

function withEntries(states: RoomView['states'], entries: RoomState['entries']): RoomView['states'] {
  const next = new Map(states);
  for (const { memberId, key, value } of entries) {
    const own = new Map(next.get(memberId));
    if (value === undefined) own.delete(key);
    else own.set(key, value);
    if (own.size > 0) next.set(memberId, own);
    else next.delete(memberId);
  }
  return next;
}

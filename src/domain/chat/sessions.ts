import { createHash } from 'node:crypto';
import { createDeadlines } from '../../streams/deadlines.js';
import type { LiveState } from './live-state.js';
import type { Member, Room } from './room.js';
import type { Rooms } from './rooms.js';
import { createSeatLimit, type SeatLimits } from './seat-limit.js';

/** Whose stream it is. */
export interface Caller {
  /** Empty if it is anonymous. */
  readonly user: string;
  /** Names the connection. */
  readonly connection: string;
}

/** The stream that has a session. */
export interface SessionHolder {
  /** A newer stream has it now. */
  takenOver(): void;
}

/** A member's place in a room. It outlives the stream by the grace period. */
export interface Seat {
  readonly room: Room;
  readonly member: Member;
  /** When it is given up, by `performance.now()`; undefined while a stream holds it. */
  goneAt: number | undefined;
}

/** One device of a user, across its streams. */
export interface Session {
  readonly key: string;
  readonly user: string;
  /** For whom its memberships count. */
  readonly owner: string;
  /** The same for the same session in every process of the store, and tells nothing of its id. */
  readonly memberId: string;
  readonly seats: Map<string, Seat>;
  holder: SessionHolder | undefined;
}

export interface SessionDeps {
  readonly epoch: string;
  /** How long a member whose stream was cut stays, in milliseconds. */
  readonly graceMs: number;
  readonly rooms: Rooms;
  readonly liveState: LiveState;
  readonly limits: SeatLimits;
}

export type Sessions = ReturnType<typeof createSessions>;

/**
 * Sessions of all callers. A stream that is cut leaves its members where they are for the grace period, so that others
 * see nothing of a reconnect; a stream that takes its session over finds them there.
 */
export function createSessions({ epoch, graceMs, rooms, liveState, limits }: SessionDeps) {
  const seatLimit = createSeatLimit(limits);
  const sessions = new Map<string, Session>();
  const expiries = createDeadlines<Session>(giveUpDue);

  function vacate(session: Session, seat: Seat): void {
    session.seats.delete(seat.room.name);
    seatLimit.give(session.owner);
    liveState.clear(seat.member);
    rooms.leave(seat.room, seat.member);
  }

  function abandonAll(session: Session): void {
    const goneAt = performance.now() + graceMs;
    for (const seat of session.seats.values()) seat.goneAt ??= goneAt;
    // Some may be waiting since an earlier cut: their time does not begin again.
    giveUpDue(session);
  }

  function giveUpDue(session: Session): void {
    const now = performance.now();
    let next = Infinity;
    for (const seat of [...session.seats.values()]) {
      if (seat.goneAt === undefined) continue;
      if (seat.goneAt <= now) vacate(session, seat);
      else next = Math.min(next, seat.goneAt);
    }
    if (next < Infinity) expiries.set(session, next - now);
    forgetIfUnused(session);
  }

  function forgetIfUnused(session: Session): void {
    if (session.holder || session.seats.size > 0) return;
    sessions.delete(session.key);
    expiries.clear(session);
  }

  return {
    /** Sessions that a stream has, or that are within their grace period. */
    get size() {
      return sessions.size;
    },

    /** Gives a session to a stream; the one that had it is told. */
    open({ user, connection }: Caller, sessionId: string, holder: SessionHolder): Session {
      const key = `${user}\0${sessionId}`;
      // Anonymous callers have nothing but their connections to be told apart by.
      const owner = user === '' ? `connection ${connection}` : `user ${user}`;
      const memberId = memberIdOf(epoch, key);
      const session = sessions.get(key) ?? { key, user, owner, memberId, seats: new Map(), holder };
      sessions.set(key, session);
      const before = session.holder;
      session.holder = holder;
      if (before && before !== holder) before.takenOver();
      abandonAll(session);
      return session;
    },

    /** Memberships of all sessions. */
    get seats() {
      return seatLimit.total;
    },

    /** That there is a place for `enter`. Errors: `exhausted` TOO_MANY_MEMBERSHIPS, CHAT_FULL. */
    checkSeat(session: Session, room: string): void {
      if (!session.seats.has(room)) seatLimit.check(session.owner);
    },

    /** Takes a place in a room, or takes it up again. */
    enter(session: Session, room: Room, isHidden: boolean): Seat {
      const known = session.seats.get(room.name);
      if (known) {
        known.goneAt = undefined;
        if (isHidden) liveState.clear(known.member);
        room.setHidden(known.member, isHidden);
        return known;
      }
      seatLimit.take(session.owner);
      const { memberId, user } = session;
      const member: Member = { memberId, user, joinTimeMs: Date.now(), isHidden, state: new Map() };
      const seat: Seat = { room, member, goneAt: undefined };
      session.seats.set(room.name, seat);
      room.enter(member);
      return seat;
    },

    /** Leaves one room at once. */
    leave(session: Session, seat: Seat): void {
      if (session.seats.get(seat.room.name) === seat) vacate(session, seat);
    },

    /** The stream lost one room; the member stays for the grace period. */
    abandon(session: Session, seat: Seat): void {
      seat.goneAt ??= performance.now() + graceMs;
      expiries.set(session, 0);
    },

    /** The stream is over: cut, with the grace period, or because the client said so, without. */
    close(session: Session, holder: SessionHolder, isCut: boolean): void {
      if (session.holder !== holder) return;
      session.holder = undefined;
      if (isCut) abandonAll(session);
      else for (const seat of [...session.seats.values()]) vacate(session, seat);
      forgetIfUnused(session);
    },
  };
}

function memberIdOf(epoch: string, key: string): string {
  return createHash('sha256').update(`${epoch}\0${key}`).digest().subarray(0, 12).toString('base64url');
}

import type { Delivery } from '../../../gen/leat/v1/chat_service.js';
import type { Event, EventRecord } from '../../../gen/leat/v1/event.js';
import type { DeepPartial } from '../../../gen/leat/v1/event_service.js';
import type { AttemptOptions } from '../attempts.js';
import type { PlainStart } from '../follow/follow-request.js';
import type { LeatError } from '../leat-error.js';
import type { Store } from './observable.js';
import type { RoomView } from './room-view.js';

export interface RoomsOptions extends AttemptOptions {
  /**
   * Who this is, among the caller's devices; 1 to 128 characters. Another stream with the same session takes over: a
   * program that is started again within the grace period is the same member. Default: a fresh one.
   */
  readonly sessionId?: string;
  /** Ends it at once, with an AbortError; the other members see it go after the grace period. */
  readonly signal?: AbortSignal;
  /** Called when the state changes, and at every lost connection. What it throws ends it. */
  readonly onState?: (status: RoomsStatus) => void;
  /**
   * When nothing came for so long, in milliseconds, the service is asked for a sign of life; without one for three
   * times as long the stream is given up and opened again. Default: 15,000.
   */
  readonly heartbeatMs?: number;
  /** As maxAttempts, until something came for the first time; 1: an address where nobody listens fails. Default: maxAttempts. */
  readonly maxFirstAttempts?: number;
  /** Messages that may be under way at a time, in all rooms together; more wait for their turn. Default: 256. */
  readonly maxUnacknowledged?: number;
}

/**
 * - `connecting`: nothing has come yet.
 * - `live`: the service answers.
 * - `reconnecting`: the stream was lost; `error` says why.
 * - `ended`: nothing will come any more; `error` says why, unless it was closed.
 */
export type RoomsState = 'connecting' | 'live' | 'reconnecting' | 'ended';

/** How the stream is doing. */
export interface RoomsStatus {
  readonly state: RoomsState;
  readonly error?: LeatError;
  /** While reconnecting: how often in a row it failed, and when it is tried again, in milliseconds. */
  readonly attempt?: number;
  readonly retryInMs?: number;
}

/** One Chat stream with many rooms, over as many connections as it takes. */
export interface Rooms extends Store<RoomsStatus> {
  readonly sessionId: string;
  /** Resolves when it was closed; rejects with what ended it otherwise: a LeatError, or AbortError. */
  readonly ended: Promise<void>;
  /**
   * Enters a room, at once or as soon as there is a connection, and again after every reconnect. Throws LeatError
   * (reason ROOM_JOINED) for one that was entered here already and is not left, (CLIENT_CLOSED) after the end.
   */
  join(room: string, options?: JoinOptions): JoinedRoom;
  /** Resolves when another message could be under way at once: so that a writer holds no more than that. */
  ready(): Promise<void>;
  /**
   * Leaves all rooms: waits for what is under way to become durable, as long as there is a connection and for 5 seconds
   * at most, says goodbye, and frees everything. Sends without an answer fail with CLIENT_CLOSED. Never rejects.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface JoinOptions {
  /** Where in the messages to begin. Default: 'now', only what is new. */
  readonly start?: PlainStart;
  /** True: take part without being announced to others. Default: false. */
  readonly hidden?: boolean;
  /**
   * So many of the newest messages are in `snapshot().messages`, and nobody needs to iterate over `messages` (from then
   * on it has what came since it was first asked for). Default 0: messages wait for whoever iterates.
   */
  readonly keep?: number;
  /** Told about what went wrong with live state or a read mark, which nobody waits for. Default: nobody is. */
  readonly onProblem?: (error: LeatError) => void;
}

/** A message in its place. */
export interface RoomMessage extends EventRecord {
  readonly event: Event;
}

/** What to say: a text, bytes, or an event; `type` defaults to "message", `id` to a fresh UUIDv7. */
export type MessageInput = string | Uint8Array | DeepPartial<Event>;

export interface SendOptions {
  /** Gives up waiting, with an AbortError: nobody knows whether the message becomes durable. */
  readonly signal?: AbortSignal;
}

export interface StateOptions {
  /** Gone after so many milliseconds unless it is set again; up to an hour. Default: when the member is gone. */
  readonly ttlMs?: number;
}

/** A room one is in. */
export interface JoinedRoom extends Store<RoomView> {
  readonly name: string;
  /** Resolves when one is in for the first time; rejects with what `ended` the room before. */
  readonly joined: Promise<void>;
  /** Resolves when it was left or closed; rejects with what ended it otherwise: OFFSET_TRIMMED, NOT_A_MEMBER, … */
  readonly ended: Promise<void>;
  /**
   * Messages, own ones too: each once, in the order that all see, over reconnects. A loop that was left can be followed
   * by another, which goes on behind it. While 64 KiB wait here, or 8 MiB in all rooms, the service is asked to hold back
   * this room's messages.
   */
  readonly messages: AsyncIterable<RoomMessage>;
  /** Who is there: now, and after changes. Whoever is slow sees the newest only; so it is with the next two. */
  members(signal?: AbortSignal): AsyncGenerator<RoomView['members'], void, undefined>;
  /** Live state by member and key: now, and after changes. */
  states(signal?: AbortSignal): AsyncGenerator<RoomView['states'], void, undefined>;
  /** How far users have read, by user: now, and after changes. */
  readMarks(signal?: AbortSignal): AsyncGenerator<RoomView['readMarks'], void, undefined>;
  /**
   * Says something. Resolves when it is durable; sends of one room become durable in their order, but for one that the
   * service refuses for the moment: those behind it may come before it. It is sent again after a lost connection, and
   * stored once. What is beyond `maxUnacknowledged` waits here: await the sends, or `ready()`.
   * Rejects with LeatError when the service refuses the message, and when the room ends.
   */
  send(message: MessageInput, options?: SendOptions): Promise<Delivery>;
  /**
   * Tells something fleeting: others get the newest value of each key. Undefined removes it. It is told as soon as that
   * is possible, and again after a reconnect, if it still holds.
   */
  setState(key: string, value: Uint8Array | string | undefined, options?: StateOptions): void;
  /** Tells how far one has read. Moves forward only. */
  markRead(offset: bigint | number): void;
  /**
   * Goes out: takes no more messages, waits for sends under way, and resolves when the service knows, or the stream has
   * ended. After that the room may be entered again.
   */
  leave(): Promise<void>;
}

import type {
  GetRoomRequest,
  Hello,
  JoinRoom,
  ListMessagesRequest,
  ListRoomsRequest,
  MarkRead,
  SetState,
} from '../../../gen/leat/v1/chat_service.js';
import { type ListQuery, type StartPosition, readStart } from '../events/list-request.js';
import { msFromDuration } from '../timestamps.js';
import { type TokenCodec, type TokenPlace, createTokenCodec } from '../tokens.js';
import { checkOffset, checkPageSize } from '../validation/numbers.js';
import { checkLength } from '../validation/text.js';
import { checkDuration } from '../validation/times.js';
import { createViolations } from '../validation/violations.js';
import { MAX_ROOM_LENGTH, MAX_SESSION_ID, MAX_STATE_KEY, MAX_STATE_TTL } from './chat-limits.js';
import { checkRoomName, topicOf } from './room-name.js';

// Each function turns a frame or a request into what was asked for, or throws all that is wrong with it. `path` is the
// frame's name.

/** The room that a frame is about. */
export function readRoomName(path: string, { room }: { readonly room: string }): string {
  const violations = createViolations();
  checkRoomName(violations, path === '' ? 'room' : `${path}.room`, room);
  violations.throwIfAny();
  return room;
}

/** The session's id. */
export function readHello({ sessionId }: Hello): string {
  const violations = createViolations();
  checkLength(violations, 'hello.session_id', sessionId, 1, MAX_SESSION_ID);
  violations.throwIfAny();
  return sessionId;
}

/** Where in the messages of a room a member begins; without a start it is only what is new. */
export function readJoin({ room, start }: JoinRoom, tokens: TokenCodec): ListQuery {
  const violations = createViolations();
  const onlyNew: StartPosition = { kind: 'last', count: 0 };
  const position = start?.position ? readStart(violations, 'join.start', start, tokens) : onlyNew;
  violations.throwIfAny();
  return {
    topic: topicOf(room),
    tokens,
    start: position,
    matcher: undefined,
    follow: true,
    last: undefined,
    beforeMs: undefined,
    limit: undefined,
    heartbeatMs: 0,
  };
}

export interface StateChange {
  readonly room: string;
  readonly key: string;
  /** undefined: the key is removed. */
  readonly value: Uint8Array | undefined;
  readonly ttlMs: number | undefined;
}

export function readSetState({ room, key, value, ttl }: SetState): StateChange {
  const violations = createViolations();
  checkRoomName(violations, 'set_state.room', room);
  checkLength(violations, 'set_state.key', key, 1, MAX_STATE_KEY);
  if (ttl) checkDuration(violations, 'set_state.ttl', ttl, MAX_STATE_TTL);
  violations.throwIfAny();
  return { room, key, value, ttlMs: ttl && msFromDuration(ttl) };
}

export function readMarkRead({ room, offset }: MarkRead): { room: string; offset: number } {
  const violations = createViolations();
  checkRoomName(violations, 'mark_read.room', room);
  const mark = { room, offset: checkOffset(violations, 'mark_read.offset', offset) };
  violations.throwIfAny();
  return mark;
}

export function readGetRoom({ room }: GetRoomRequest): string {
  const violations = createViolations();
  checkRoomName(violations, 'room', room);
  violations.throwIfAny();
  return room;
}

export interface HistoryQuery {
  readonly topic: string;
  /** The messages right below this offset; undefined: the newest. */
  readonly before: number | undefined;
  readonly limit: number;
  /** Where the page token says that the page before ended; undefined for the first page. */
  readonly place?: TokenPlace;
  /** For the token of the page before this one in time. */
  readonly tokens: TokenCodec;
  /** For the position of the head. */
  readonly resumeTokens: TokenCodec;
}

/** `epoch` is the store's. */
export function readListMessages(epoch: string, request: ListMessagesRequest): HistoryQuery {
  const violations = createViolations();
  checkRoomName(violations, 'room', request.room);
  const limit = checkPageSize(violations, 'page_size', request.pageSize);
  const named = checkOffset(violations, 'before_offset', request.beforeOffset);
  const tokens = createTokenCodec({ epoch, kind: 'messages', subject: request.room });
  const place = request.pageToken === '' ? undefined : tokens.decode(violations, 'page_token', request.pageToken);
  violations.throwIfAny();
  const before = place?.offset ?? named;
  const topic = topicOf(request.room);
  const resumeTokens = createTokenCodec({ epoch, kind: 'events', subject: topic });
  return { topic, before: before === 0 ? undefined : before, limit, place, tokens, resumeTokens };
}

export interface RoomsPage {
  /** Of the rooms' names. */
  readonly prefix: string;
  readonly limit: number;
  /** The last name of the page before; empty for the first page. */
  readonly after: string;
  readonly tokens: TokenCodec;
}

/** `epoch` is the store's. */
export function readListRooms(epoch: string, { pageSize, pageToken, prefix }: ListRoomsRequest): RoomsPage {
  const violations = createViolations();
  const limit = checkPageSize(violations, 'page_size', pageSize);
  checkLength(violations, 'prefix', prefix, 0, MAX_ROOM_LENGTH);
  const tokens = createTokenCodec({ epoch, kind: 'rooms', subject: prefix });
  const place = pageToken === '' ? undefined : tokens.decode(violations, 'page_token', pageToken);
  violations.throwIfAny();
  return { prefix, limit, after: place?.key ?? '', tokens };
}

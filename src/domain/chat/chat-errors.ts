import { DomainError } from '../errors.js';
import { MAX_ROOMS_A_STREAM } from './chat-limits.js';

const ROOM = 'leat.v1.Room';
/** Members come and go, but not all at once. */
const CHAT_FULL_RETRY_MS = 5_000;

export function notAMember(room: string): DomainError {
  const message = `this stream is not in room "${room}": join it and try again`;
  return new DomainError('precondition', 'NOT_A_MEMBER', message, { resource: { type: ROOM, name: room } });
}

export function roomNotFound(room: string): DomainError {
  const message = `room "${room}" has no messages and nobody is in it: check the name, or send its first message`;
  return new DomainError('not-found', 'ROOM_NOT_FOUND', message, { resource: { type: ROOM, name: room } });
}

export function tooManyRooms(): DomainError {
  const message = `a stream may be in ${MAX_ROOMS_A_STREAM} rooms: leave one, or open another stream`;
  return new DomainError('precondition', 'TOO_MANY_ROOMS', message, { metadata: { limit: `${MAX_ROOMS_A_STREAM}` } });
}

export function tooManyMemberships(limit: number): DomainError {
  const message = `one caller may be in ${limit} rooms, all its streams together: leave some, or raise --max-chat-memberships-per-caller`;
  return new DomainError('exhausted', 'TOO_MANY_MEMBERSHIPS', message, { metadata: { limit: `${limit}` } });
}

export function chatFull(limit: number): DomainError {
  const message = `all callers together may be in ${limit} rooms: try again when others have left, or raise --max-chat-memberships`;
  const options = { metadata: { limit: `${limit}` }, retryAfterMs: CHAT_FULL_RETRY_MS };
  return new DomainError('exhausted', 'CHAT_FULL', message, options);
}

export function helloTimeout(ms: number): DomainError {
  const message = `no hello came within ${ms} ms: send it as the first frame as soon as the stream is open`;
  return new DomainError('unavailable', 'HELLO_TIMEOUT', message, { metadata: { timeout_ms: `${ms}` } });
}

export function anonymousCaller(): DomainError {
  const message = 'what an anonymous caller has read is not kept: say who is calling';
  return new DomainError('precondition', 'ANONYMOUS_CALLER', message);
}

export function memberHidden(room: string): DomainError {
  const message = `a hidden member has no live state, for it would show that it is there: join "${room}" without hidden`;
  return new DomainError('precondition', 'MEMBER_HIDDEN', message);
}

export function idRequired(): DomainError {
  return new DomainError('invalid', 'ID_REQUIRED', 'message.id: is required, and makes a repeated send harmless');
}

export function messageTooLarge(bytes: number, limit: number): DomainError {
  const message = `the payload must have at most ${limit} bytes, has ${bytes}: send it as a file and name it here`;
  // Not "exhausted": trying again will not help.
  return new DomainError('invalid', 'MESSAGE_TOO_LARGE', message, {
    metadata: { limit: `${limit}`, size: `${bytes}` },
  });
}

export function valueTooLarge(bytes: number, limit: number): DomainError {
  const message = `a value must have at most ${limit} bytes, has ${bytes}: send it as a message`;
  return new DomainError('invalid', 'VALUE_TOO_LARGE', message, { metadata: { limit: `${limit}`, size: `${bytes}` } });
}

export function tooManyKeys(limit: number): DomainError {
  const message = `a member may have ${limit} keys in a room: remove one first`;
  return new DomainError('precondition', 'TOO_MANY_KEYS', message, { metadata: { limit: `${limit}` } });
}

/** `limit` in bytes, of the room or of the process. */
export function stateFull(limit: number): DomainError {
  const message = `live state takes ${limit} bytes, which is all it may: try again when others have left`;
  return new DomainError('exhausted', 'STATE_FULL', message, { metadata: { limit: `${limit}` } });
}

export function sessionTakenOver(): DomainError {
  const message = 'a newer stream has this session: only one of a session can be open';
  return new DomainError('conflict', 'SESSION_TAKEN_OVER', message);
}

export function helloRequired(isFirst: boolean): DomainError {
  const message = isFirst ? 'the first frame must be hello' : 'hello comes once, as the first frame';
  return new DomainError('invalid', 'HELLO_REQUIRED', message);
}

export function unknownFrame(): DomainError {
  return new DomainError('invalid', 'UNKNOWN_FRAME', 'a frame is empty, or of a kind that this service does not know');
}

export function offsetBeyondHead(room: string, offset: number, head: number): DomainError {
  const message = `room "${room}" ends at offset ${head}, before ${offset}: what was not said yet cannot be read`;
  return new DomainError('out-of-range', 'OFFSET_BEYOND_HEAD', message, { metadata: { room, head_offset: `${head}` } });
}

import { Status } from 'nice-grpc';
import type { RoomProblem } from '../../../gen/leat/v1/chat_service.js';
import { clientReasons, LeatError } from '../leat-error.js';

/** What a problem of one room says, as any other failure. */
export function problemError({ code, reason, message, metadata, retryDelay }: RoomProblem): LeatError {
  return new LeatError(message || reason, {
    code,
    reason: reason || undefined,
    metadata: Object.fromEntries(metadata),
    retryAfterMs: retryDelay && Number(retryDelay.seconds) * 1000 + retryDelay.nanos / 1e6,
  });
}

export function roomClosed(): LeatError {
  const text = 'the room was left or closed before that; a message under way may be durable or not';
  return new LeatError(text, { code: Status.CANCELLED, reason: clientReasons.closed });
}

export function roomsClosed(): LeatError {
  return new LeatError('the rooms are closed', { code: Status.CANCELLED, reason: clientReasons.closed });
}

export function roomJoined(room: string): LeatError {
  const text = `room ${room} was entered here already; leave it first, and wait for that`;
  return new LeatError(text, { code: Status.ALREADY_EXISTS, reason: clientReasons.roomJoined });
}

export function noPosition(room: string): LeatError {
  const text = `the service let us into room ${room} without a resume token, so nothing could be resumed: update the service`;
  return new LeatError(text, { code: Status.INTERNAL, reason: 'NO_POSITION' });
}

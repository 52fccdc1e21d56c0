import type { RoomProblem } from '../../../gen/leat/v1/chat_service.js';
import { type DomainError, codeOfKind, isDomainError, retryAfterMsOf } from '../../domain/errors.js';
import { durationFromMs } from '../../domain/timestamps.js';
import { type Frame, encodeFrame } from './frames.js';

/** What could not be carried out in a room. Anything but a DomainError is thrown again: it is not the room's. */
export function encodeProblem(room: string, error: unknown, about?: RoomProblem['about']): Frame {
  if (!isDomainError(error)) throw error;
  const retryAfterMs = retryAfterMsOf(error);
  return encodeFrame({
    $case: 'problem',
    value: {
      room,
      about,
      code: codeOfKind[error.kind],
      reason: error.reason,
      message: error.message,
      retryDelay: retryAfterMs === undefined ? undefined : durationFromMs(retryAfterMs),
      metadata: new Map(Object.entries(metadataOf(error))),
    },
  });
}

function metadataOf({ options }: DomainError): Readonly<Record<string, string>> {
  const [violation] = options.violations ?? [];
  return violation ? { field: violation.field, ...options.metadata } : (options.metadata ?? {});
}

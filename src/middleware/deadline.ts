import { Status } from 'nice-grpc-common';
import type { CallRecord } from './call-record.js';
import { errorInfo } from './error-details.js';
import { clientError } from './error-mapping.js';

/** setTimeout takes no more; a call of 24 days has met the connection's age long before. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/**
 * Aborts the call at the client's deadline, and a unary call also after `maxUnaryMs`. grpc-js answers the client at
 * the deadline but lets a handler go on whose writes are stalled. Returns the function that ends the timer.
 */
export function armDeadline(record: CallRecord, maxUnaryMs: number): () => void {
  const untilDeadline = record.deadlineMs - Date.now();
  const limit = record.streaming ? Infinity : maxUnaryMs;
  const ms = Math.min(untilDeadline, limit);
  if (ms > TIMEOUT_MAX_MS) return () => undefined;
  const text = untilDeadline <= limit ? 'deadline exceeded' : `a unary call may take ${maxUnaryMs} ms at most`;
  const timer = setTimeout(() => record.abort(deadlineExceeded(text)), Math.max(ms, 0));
  return () => clearTimeout(timer);
}

function deadlineExceeded(message: string) {
  return clientError(Status.DEADLINE_EXCEEDED, message, [errorInfo('DEADLINE_EXCEEDED')]);
}

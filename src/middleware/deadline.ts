import { Status } from 'nice-grpc-common';
import { SLICE_ITEMS } from '../streams/in-slices.js';
import { timerMs } from '../streams/timers.js';
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
  const text = untilDeadline <= limit ? 'deadline exceeded' : tooLong(maxUnaryMs);
  const timer = setTimeout(() => record.abort(deadlineExceeded(text)), Math.max(ms, 0));
  return () => clearTimeout(timer);
}

/** One bound on the duration of many calls. */
export interface TimeLimit {
  /** The call begins. */
  add(record: CallRecord): void;
  /** It is over. */
  delete(record: CallRecord): void;
}

/**
 * Aborts unary calls after `maxMs`: as `armDeadline`, with one timer for all of them. A deadline of the client's own
 * needs no second one: grpc-js answers it and cancels the call, and a handler of a unary call has nothing to write.
 */
export function createTimeLimit(maxMs: number): TimeLimit {
  /** When each must be over, by `performance.now()`: in the order in which they came, and that is the order of these. */
  const running = new Map<CallRecord, number>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    timer = undefined;
    const now = performance.now();
    let ended = 0;
    for (const [record, dueAt] of running) {
      if (dueAt > now || ended++ === SLICE_ITEMS) return arm(Math.max(dueAt - now, 0));
      running.delete(record);
      record.abort(deadlineExceeded(tooLong(maxMs)));
    }
  }

  function arm(ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(look, timerMs(ms)).unref();
  }

  return {
    add(record) {
      running.set(record, performance.now() + maxMs);
      if (timer === undefined) arm(maxMs);
    },
    delete: (record) => void running.delete(record),
  };
}

const tooLong = (maxMs: number) => `a unary call may take ${maxMs} ms at most`;

function deadlineExceeded(message: string) {
  return clientError(Status.DEADLINE_EXCEEDED, message, [errorInfo('DEADLINE_EXCEEDED')]);
}

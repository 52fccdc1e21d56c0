import { Status } from 'nice-grpc-common';
import type { CallObserver } from './call-records.js';
import type { CallRecord } from './call-record.js';
import { addressOf, type LimitedLog } from './limited-log.js';

/** The part of pino that is needed. */
export interface CallLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Codes that tell of trouble on our side, not of a caller's mistake. */
const warnings: ReadonlySet<Status> = new Set([
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
  Status.UNAVAILABLE,
]);
const errors: ReadonlySet<Status> = new Set([Status.UNKNOWN, Status.INTERNAL, Status.DATA_LOSS]);

/** The status of a call that is over: CANCELLED if the client left before there was one. */
export function codeOf(record: CallRecord): Status {
  return record.status?.code ?? Status.CANCELLED;
}

/**
 * Writes one line per call, when nothing of it is left. Lines of calls that did not succeed are limited for each address
 * and status, so that nobody fills the log with them.
 */
export function createCallLog(log: CallLogger, limited: LimitedLog): CallObserver {
  return {
    started: () => undefined,
    ended(record) {
      const code = codeOf(record);
      const message = `${record.path} ${Status[code]}`;
      if (code === Status.OK) return log.info(fieldsOf(record), message);
      const level = errors.has(code) ? 'error' : warnings.has(code) ? 'warn' : 'info';
      limited.write(level, `${addressOf(record.peer)} ${code}`, fieldsOf(record), message);
    },
  };
}

function fieldsOf(record: CallRecord) {
  const code = codeOf(record);
  return {
    method: record.path,
    peer: record.peer,
    principal: record.caller || undefined,
    status: Status[code],
    error: code === Status.OK ? undefined : record.status?.details,
    messagesIn: record.messagesIn,
    messagesOut: record.messagesOut,
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    durationMs: Math.round((performance.now() - record.startedAt) * 1000) / 1000,
    requestId: record.requestId || undefined,
    err: record.failure,
  };
}

import { Status } from 'nice-grpc';
import { LeatError } from './leat-error.js';

/**
 * For questions that are harmless to ask again, by those who go on until they are done: an answer that did not come in
 * time is as good as a lost connection. Every other error stays what it is.
 */
export function orNoAnswer(error: unknown): unknown {
  if (!(error instanceof LeatError) || error.code !== Status.DEADLINE_EXCEEDED) return error;
  return new LeatError(`there was no answer: ${error.message}`, { code: Status.UNAVAILABLE, reason: error.reason });
}

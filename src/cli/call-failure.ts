import { LeatError } from '../client/index.js';

/** What a failed call said, as it is told to the user. */
export type CallFailure = Pick<LeatError, 'code' | 'message' | 'reason' | 'metadata' | 'violations' | 'retryAfterMs'>;

/** Undefined if `error` did not come from a call. */
export function readCallFailure(error: unknown): LeatError | undefined {
  return error instanceof LeatError ? error : undefined;
}

import { isAbortError } from 'abort-controller-x';
import { Status } from 'nice-grpc';
import { clientReasons, LeatError } from '../leat-error.js';

/** What writing failed with, as TARGET_FAILED; what reading failed with, and aborts, stay what they are. */
export function targetFailed(error: unknown): unknown {
  if (error instanceof LeatError || isAbortError(error)) return error;
  return new LeatError(`cannot write: ${LeatError.from(error).message}`, {
    code: Status.UNKNOWN,
    reason: clientReasons.targetFailed,
    cause: error,
  });
}

import { rethrowAbortError } from 'abort-controller-x';
import type { ClientMiddleware } from 'nice-grpc';
import { openDetails } from './error-details.js';
import { LeatError } from './leat-error.js';

const DETAILS_TRAILER = 'grpc-status-details-bin';

/** Makes whatever a call fails with a LeatError, with the service's details opened. Abort errors stay what they are. */
export const errorsMiddleware: ClientMiddleware = async function* withErrors(call, options) {
  let trailer: Uint8Array | undefined;
  try {
    return yield* call.next(call.request, {
      ...options,
      onTrailer(metadata) {
        trailer = metadata.get(DETAILS_TRAILER);
        options.onTrailer?.(metadata);
      },
    });
  } catch (error) {
    rethrowAbortError(error);
    throw LeatError.from(error, trailer === undefined ? {} : openDetails(trailer));
  }
};

import { LeatError } from '../leat-error.js';

/** How many bytes a message of the document may carry, as far as the service has told. */
export interface MessageLimit {
  readonly bytes: number;
  /** The service takes messages of that size: several of them may be under way at a time. */
  readonly isKnown: boolean;
  /** A message of that size was accepted. */
  accepted(bytes: number): void;
  /** Takes over the limit that a refusal names, which is smaller. Throws whatever it is if it is no such refusal. */
  refused(error: unknown): void;
}

/** `bytes` is what to begin with. */
export function createMessageLimit(bytes: number): MessageLimit {
  let limit = bytes;
  let accepted = 0;
  return {
    get bytes() {
      return limit;
    },
    get isKnown() {
      return accepted >= limit;
    },
    accepted: (size) => void (accepted = Math.max(accepted, size)),
    refused(error) {
      const reported = error instanceof LeatError && error.reason === 'MESSAGE_TOO_LARGE' ? error.metadata.limit : '';
      const smaller = Number(reported);
      // A limit that would not help must not be tried for ever.
      if (!Number.isInteger(smaller) || smaller < 1 || smaller >= limit) throw error;
      limit = accepted = smaller;
    },
  };
}

import { LeatError } from '../leat-error.js';

/** How many bytes a message of the document may carry, as far as the service has told. */
export interface MessageLimit {
  readonly bytes: number;
  /** The service takes messages of that size: several of them may be under way at a time. */
  readonly isKnown: boolean;
  /** A message of that size was accepted. */
  accepted(bytes: number): void;
  /**
   * Takes over the limit that the service reports in the refusal of a message of up to `usedBytes`. Throws the error if it
   * is not such a refusal, or if the reported limit is not smaller than `usedBytes`.
   */
  refused(error: unknown, usedBytes: number): void;
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
    refused(error, usedBytes) {
      const reported = error instanceof LeatError && error.reason === 'MESSAGE_TOO_LARGE' ? error.metadata.limit : '';
      const smaller = Number(reported);
      // A limit that would not help must not be tried for ever. Compared with what was used: several messages can be in
      // flight, and the first refusal has lowered the limit already when the next one comes.
      if (!Number.isInteger(smaller) || smaller < 1 || smaller >= usedBytes) throw error;
      if (smaller < limit) limit = accepted = smaller;
    },
  };
}

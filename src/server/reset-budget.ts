/** What HTTP/2 (nghttp2) allows: so many resets of calls by the client at once, and so many a second from then on. */
export const BURST = 1_000;
export const PER_SECOND = 33;

/** Mirrors how nghttp2 counts the resets of one connection (a token bucket), since it does not report them. */
export interface ResetBudget {
  /** The client has reset a call. */
  spend(): void;
  /** A quarter of the burst is left. */
  readonly isLow: boolean;
  /** HTTP/2 may have given up the connection. It counts whole seconds, and may differ by two of them. */
  readonly isSpent: boolean;
}

export function createResetBudget(): ResetBudget {
  let left = BURST;
  let at = performance.now();
  return {
    spend() {
      const now = performance.now();
      left = Math.min(left + ((now - at) / 1_000) * PER_SECOND, BURST) - 1;
      at = now;
    },
    get isLow() {
      return left < BURST / 4;
    },
    get isSpent() {
      return left < 2 * PER_SECOND;
    },
  };
}

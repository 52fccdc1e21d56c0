/** Tells when a stream that has nothing to say should say so. */
export interface Heartbeat {
  /** Something was sent: counts from now. */
  beat(): void;
  /** Milliseconds until something has to be sent; 0 if it is time. */
  remainingMs(): number;
}

/** `now` is any clock that does not go back, in milliseconds; the wall clock is none. */
export function createHeartbeat(intervalMs: number, now: () => number = () => performance.now()): Heartbeat {
  let last = now();
  return {
    beat() {
      last = now();
    },
    remainingMs: () => Math.max(0, last + intervalMs - now()),
  };
}

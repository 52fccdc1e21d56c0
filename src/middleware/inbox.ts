/** Request messages of a call that came in and that the handler has not taken yet. */
export interface Inbox {
  /** A message came. */
  arrived(bytes: number): void;
  /** The handler took the oldest one. */
  taken(): void;
  /** Calls `read`, for one more message, now or once there is room. */
  whenOpen(read: () => void): void;
}

/** Bytes beyond which no further message is read from the connection: flow control then holds the client back. */
const MAX_WAITING_BYTES = 64 * 1024;

/**
 * Bounds in bytes what is taken in ahead of a handler that is slow: grpc-js alone reads 16 messages of any size ahead,
 * 64 MiB for a stream of the largest ones.
 */
export function createInbox(): Inbox {
  const sizes: number[] = [];
  let waiting = 0;
  let postponed: (() => void) | undefined;
  return {
    arrived(bytes) {
      sizes.push(bytes);
      waiting += bytes;
    },
    taken() {
      waiting -= sizes.shift() ?? 0;
      if (waiting > MAX_WAITING_BYTES) return;
      const read = postponed;
      postponed = undefined;
      read?.();
    },
    whenOpen(read) {
      if (waiting > MAX_WAITING_BYTES) postponed = read;
      else read();
    },
  };
}

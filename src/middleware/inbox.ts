/** Request messages of a call that came in and that the handler has not taken yet. */
export interface Inbox {
  /** A message came. */
  arrived(bytes: number): void;
  /** The handler wants the next one. */
  asked(): void;
  /** The handler took the oldest one. */
  taken(): void;
  /** Calls `read`, for one more message, now or once there is room. */
  whenOpen(read: () => void): void;
  /** The call is over: nothing waits any more. */
  close(): void;
}

/** Bytes beyond which no further message is read from the connection: flow control then holds the client back. */
const MAX_WAITING_BYTES = 64 * 1024;
/** The same for all calls together: beyond it a message is read when its handler asks for it, and not before. */
const MAX_ALL_WAITING_BYTES = 16 * 1024 * 1024;

/**
 * Bounds in bytes what is taken in ahead of handlers that are slow: grpc-js alone reads 16 messages of any size ahead,
 * 64 MiB for a stream of the largest ones. Returns what makes an inbox for a call.
 */
export function createInboxes(): () => Inbox {
  const all = { waiting: 0 };
  return () => createInbox(all);
}

function createInbox(all: { waiting: number }): Inbox {
  const sizes: number[] = [];
  let waiting = 0;
  /** Of the message that is being read ahead: as large as the last one, one thinks. */
  let expected = 0;
  let lastBytes = 0;
  let postponed: (() => void) | undefined;
  let isAsked = false;
  let isClosed = false;

  function add(bytes: number): void {
    waiting += bytes;
    all.waiting += bytes;
  }

  function expect(bytes: number): void {
    all.waiting += bytes - expected;
    expected = bytes;
  }

  function isOpen(): boolean {
    if (isAsked && sizes.length === 0) return true;
    return waiting <= MAX_WAITING_BYTES && all.waiting <= MAX_ALL_WAITING_BYTES;
  }

  function readOn(): void {
    if (postponed === undefined || !isOpen()) return;
    const read = postponed;
    postponed = undefined;
    if (!isClosed) expect(lastBytes);
    read();
  }

  return {
    arrived(bytes) {
      if (isClosed) return;
      expect(0);
      lastBytes = bytes;
      sizes.push(bytes);
      add(bytes);
    },
    asked() {
      isAsked = true;
      readOn();
    },
    taken() {
      isAsked = false;
      add(-(sizes.shift() ?? 0));
      readOn();
    },
    whenOpen(read) {
      postponed = read;
      readOn();
    },
    close() {
      isClosed = true;
      sizes.length = 0;
      expect(0);
      add(-waiting);
    },
  };
}

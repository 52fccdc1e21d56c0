/** What the middleware adds to nice-grpc's CallContext, for handlers to use. Types only: services may import this file. */
export interface LeatCallContext {
  /** From the `x-request-id` header, or made by the service; goes back in the response header and into the log. */
  readonly requestId: string;
  /** Who calls; empty if authentication is off and no name was given. */
  readonly caller: string;
  /** The messages of this call on their way out. */
  readonly outbox: Outbox;
}

/** How much of a response stream is still waiting in this process. */
export interface Outbox {
  /**
   * Resolves when fewer than `max` messages of the call are not yet written to the socket.
   * Rejects with AbortError when `signal` aborts; leaves nothing behind.
   */
  waitUntilBelow(max: number, signal: AbortSignal): Promise<void>;
  /**
   * Writes a message to a response stream at once, past the generator of the handler, which then yields none.
   * `frame` has gRPC's length before it and may be shared between calls: it is only read. Does nothing after the end.
   */
  write(frame: Uint8Array): void;
  /** Bytes that were given to `write` and are not yet written to the socket. */
  readonly queuedBytes: number;
  /** Called when `queuedBytes` became less. */
  onWritten: (() => void) | undefined;
}

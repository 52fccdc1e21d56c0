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
}

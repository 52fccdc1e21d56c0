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

/** A call with streams both ways whose messages are taken and written as they come, without a loop over either. */
export interface DirectCall {
  /** As LeatCallContext.caller. */
  readonly caller: string;
  /** Names the connection, for as long as it is open: the client's address and port. */
  readonly connection: string;
  /** Aborts when the call is over. Made when it is asked for. */
  readonly signal: AbortSignal;
  /** Bytes that were written and have not reached the socket. */
  readonly queuedBytes: number;
  /** Called whenever `queuedBytes` became less. */
  onWritten: (() => void) | undefined;
  /** Writes a message with gRPC's length before it. It may be shared between calls: it is only read. */
  write(frame: Uint8Array): void;
  /** Ends the call with an error. Repeating it is harmless. */
  fail(error: unknown): void;
}

/** What takes the messages of a DirectCall. */
export interface DirectHandler<T> {
  /** Called in the turn in which the message came; the next one waits for the promise. What it throws ends the call. */
  receive(request: T): Promise<void> | undefined;
  /** The client half-closed: the call ends with OK when the promise resolves. */
  finish(): Promise<void>;
  /** The call is over, in whatever way. Called once. */
  close(): void;
}

import type { ReadGate } from './read-gate.js';

/** What a single call may be given, beside nice-grpc's own `signal`, `metadata`, `onHeader` and `onTrailer`. */
export interface LeatCallOptions {
  /**
   * How long the call may take, all its tries together, in milliseconds; sent on the wire, so that the service stops
   * too. Default: 10,000 for calls with one answer (or what the client was made with), no bound for streams.
   */
  readonly timeoutMs?: number;
  /** Whether a call that is safe to repeat is tried again when that may help. Default: true. */
  readonly retry?: boolean;
}

/** What this client's own streams are given besides. */
export interface StreamOptions extends LeatCallOptions {
  /** Holds back what is not read yet. */
  readonly gate?: ReadGate;
}

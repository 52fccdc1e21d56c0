export interface BackoffOptions {
  /** Longest wait after the first failure, in milliseconds. Default: 100. */
  readonly initialMs?: number;
  /** Longest wait at all, in milliseconds. Default: 5,000. */
  readonly maxMs?: number;
  /** A number in [0, 1). Default: Math.random. */
  readonly random?: () => number;
}

/**
 * How long to wait after failure number `attempt` (from 1), in milliseconds: anything up to a bound that doubles (full
 * jitter), so that the clients of a server that comes back do not come back all at once. What the service asked for
 * (`retryAfterMs`) comes on top, not instead: it asks everybody for the same.
 */
export function backoffDelay(attempt: number, options: BackoffOptions = {}, retryAfterMs = 0): number {
  const { initialMs = 100, maxMs = 5_000, random = Math.random } = options;
  const ceiling = Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 30));
  return retryAfterMs + ceiling * random();
}

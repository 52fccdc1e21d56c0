import { delay, rethrowAbortError } from 'abort-controller-x';
import { backoffDelay, type BackoffOptions } from './backoff.js';
import { clientReasons, LeatError } from './leat-error.js';

export interface AttemptOptions {
  readonly backoff?: BackoffOptions;
  /** Tries in a row that may fail before the failure is thrown. Default: no limit. */
  readonly maxAttempts?: number;
}

/** A failure that is about to be tried again. */
export interface Setback {
  readonly error: LeatError;
  /** From 1, since the last success. */
  readonly attempt: number;
  readonly delayMs: number;
}

/** Counts the tries of something that goes on until it is done. */
export interface Attempts {
  succeeded(): void;
  /** How to go on; throws the failure if trying again does not help, or was tried often enough. */
  failed(thrown: unknown): Setback;
}

/** A source of tokens that fails so often in a row is not coming back, and nobody would notice. */
const MAX_TOKEN_FAILURES = 5;

export function createAttempts({ backoff, maxAttempts = Infinity }: AttemptOptions): Attempts {
  let attempt = 0;
  let tokenFailures = 0;
  return {
    succeeded() {
      attempt = 0;
      tokenFailures = 0;
    },
    failed(thrown) {
      const error = LeatError.from(thrown);
      attempt++;
      // Any other failure came after a token: during an outage a single missing one is as good as a lost connection.
      tokenFailures = error.reason === clientReasons.tokenFailed ? tokenFailures + 1 : 0;
      if (!error.retryable || attempt >= maxAttempts || tokenFailures >= MAX_TOKEN_FAILURES) throw error;
      return { error, attempt, delayMs: backoffDelay(attempt, backoff, error.retryAfterMs) };
    },
  };
}

export interface PerseveranceOptions extends AttemptOptions {
  readonly signal: AbortSignal;
  /** Called before each wait. Default: nothing. */
  readonly onSetback?: (setback: Setback) => void;
}

/** Does something again and again until it succeeds, or fails in a way that does not help. */
export async function persevere<T>(act: () => Promise<T>, options: PerseveranceOptions): Promise<T> {
  const attempts = createAttempts(options);
  for (;;) {
    try {
      return await act();
    } catch (error) {
      rethrowAbortError(error);
      const setback = attempts.failed(error);
      options.onSetback?.(setback);
      await delay(options.signal, setback.delayMs);
    }
  }
}

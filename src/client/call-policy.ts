import { delay, rethrowAbortError } from 'abort-controller-x';
import type { ClientMiddleware } from 'nice-grpc';
import { backoffDelay, type BackoffOptions } from './backoff.js';
import type { WireOptions } from './wire-channel.js';
import type { StreamOptions } from './call-options.js';
import { LeatError } from './leat-error.js';
import { linkSignals } from './link-signals.js';
import { isSafeToRepeat } from './safe-to-repeat.js';

export interface CallPolicy {
  /** For calls with one answer that do not say otherwise, in milliseconds. */
  readonly timeoutMs: number;
  /** Tries of one call, at most; 1: no retries. */
  readonly maxAttempts: number;
  readonly backoff?: BackoffOptions;
}

/**
 * Gives calls their deadline, and tries unary calls again when that is harmless and may help, within the deadline.
 * A wait that would not leave any time is not begun: the failure is told at once.
 *
 * Each call gets a signal of its own: nice-grpc adds a listener per call, and a caller may share one signal among many.
 */
export function createPolicyMiddleware(policy: CallPolicy): ClientMiddleware<StreamOptions, WireOptions> {
  return async function* withPolicy(call, { timeoutMs, retry = true, ...options }) {
    const unary = !call.requestStream && !call.responseStream;
    const limitMs = timeoutMs ?? (unary ? policy.timeoutMs : undefined);
    const deadline = limitMs === undefined || limitMs === Infinity ? undefined : new Date(Date.now() + limitMs);
    const linked = linkSignals(options.signal);
    const { signal } = linked;
    try {
      if (!unary || !retry) return yield* call.next(call.request, { ...options, signal, deadline });

      const attempts = isSafeToRepeat(call.method.path, call.request) ? policy.maxAttempts : 1;
      for (let attempt = 1; ; attempt++) {
        try {
          return yield* call.next(call.request, { ...options, signal, deadline });
        } catch (error) {
          rethrowAbortError(error);
          const failure = LeatError.from(error);
          const waitMs = backoffDelay(attempt, policy.backoff, failure.retryAfterMs);
          const late = deadline !== undefined && Date.now() + waitMs >= deadline.getTime();
          if (attempt >= attempts || late || !failure.retryable) throw failure;
          await delay(signal, waitMs);
        }
      }
    } finally {
      linked.unlink();
    }
  };
}

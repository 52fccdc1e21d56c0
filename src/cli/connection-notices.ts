import type { LeatError, Setback } from '../client/index.js';

/** Tells the user when the connection is lost, and when it is back. */
export interface ConnectionNotices {
  readonly lost: (retry: { readonly error: LeatError; readonly delayMs: number; readonly attempt?: number }) => void;
  /** The server has answered. Prints something only after `lost`. */
  back(): void;
}

/** `plan`: what follows the wait, for example "resuming". */
export function createConnectionNotices(notice: (line: string) => void, plan: string): ConnectionNotices {
  let isLost = false;
  return {
    lost(retry) {
      // A watch has no count of its tries: it says so once.
      if (!isLost || retry.attempt !== undefined) notice(describeRetry(retry, plan));
      isLost = true;
    },
    back() {
      if (isLost) notice('connected again');
      isLost = false;
    },
  };
}

/** "connection lost (cannot reach it); resuming in 0.5 s (try 2)". */
export function describeRetry(
  { error, delayMs, attempt }: Pick<Setback, 'error' | 'delayMs'> & { readonly attempt?: number },
  plan: string,
): string {
  const count = attempt === undefined ? '' : ` (try ${attempt})`;
  return `connection lost (${error.message}); ${plan} in ${(delayMs / 1000).toFixed(1)} s${count}`;
}

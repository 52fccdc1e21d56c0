import { clientReasons, type LeatError } from '../client/index.js';

/** A call that is repeated later. */
export interface Retry {
  readonly error: LeatError;
  /** Until the next try, in milliseconds. */
  readonly delayMs: number;
  /** Absent: tries are not counted, and one notice is enough for all of them. */
  readonly attempt?: number;
}

/** Tells the user when the connection is lost, and when it is back. */
export interface ConnectionNotices {
  readonly lost: (retry: Retry) => void;
  /** The server has answered. Prints something only after `lost`. */
  readonly back: () => void;
}

/** What makes a failed call one that the server never answered. */
const LOSSES: readonly (string | undefined)[] = [
  undefined,
  clientReasons.connectionLost,
  clientReasons.proxyFailed,
  clientReasons.streamCut,
  clientReasons.heartbeatMissed,
];

/** `plan`: what follows the wait, for example "resuming". */
export function createConnectionNotices(notice: (line: string) => void, plan: string): ConnectionNotices {
  let isWaiting = false;
  return {
    lost(retry) {
      if (!isWaiting || retry.attempt !== undefined) notice(describeRetry(retry, plan));
      isWaiting = true;
    },
    back() {
      if (isWaiting) notice('connected again');
      isWaiting = false;
    },
  };
}

/** "connection lost (cannot reach it); resuming in 0.5 s (try 2)". A server that answered is named with its reason. */
function describeRetry({ error, delayMs, attempt }: Retry, plan: string): string {
  const { message, reason } = error;
  const what = LOSSES.includes(reason)
    ? `connection lost (${message})`
    : `the server is not ready (${reason}: ${message})`;
  const count = attempt === undefined ? '' : ` (try ${attempt})`;
  return `${what}; ${plan} in ${(delayMs / 1000).toFixed(1)} s${count}`;
}

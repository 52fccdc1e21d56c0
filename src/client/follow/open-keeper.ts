import { Status } from 'nice-grpc';
import type { EventClient } from '../event-client.js';
import { LeatError } from '../leat-error.js';
import { formatCheckpoint, type Place } from './checkpoint.js';
import type { FollowOptions } from './follow-options.js';
import { createPlaceKeeper, noKeeper, type PlaceKeeper } from './keep-place.js';

/** A commit, its retries included, may take so long; the next one brings the newest place. */
const COMMIT_TIMEOUT_MS = 5_000;

/** The keeper that the options ask for. `onFailure`: what is done is not kept any more, so reading on makes no sense. */
export function openKeeper(
  events: EventClient,
  topic: string,
  { checkpoint, saveIntervalMs = 1_000 }: Pick<FollowOptions, 'checkpoint' | 'saveIntervalMs'>,
  onFailure: (error: unknown) => void,
): PlaceKeeper {
  if (checkpoint === undefined) return noKeeper;
  const keeper = { intervalMs: saveIntervalMs, onFailure };
  if ('save' in checkpoint) {
    const write = async (place: Place) => checkpoint.save(formatCheckpoint(place));
    // What the caller's own store fails with is the caller's to hear about.
    return createPlaceKeeper({ ...keeper, write, isPassing: () => false });
  }
  const { cursor } = checkpoint;
  // With the token the service refuses to move a cursor in a store that was restored meanwhile.
  const write = async ({ offset, token: resumeToken }: Place) => {
    await events.commitCursor({ topic, cursor, offset, resumeToken }, { timeoutMs: COMMIT_TIMEOUT_MS });
  };
  return createPlaceKeeper({ ...keeper, write, isPassing });
}

/** A service that is away, or slow, is waited for. */
function isPassing(error: unknown): boolean {
  const { retryable, code } = LeatError.from(error);
  return retryable || code === Status.DEADLINE_EXCEEDED;
}

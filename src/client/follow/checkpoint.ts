import { Status } from 'nice-grpc';
import { clientReasons, LeatError } from '../leat-error.js';

/**
 * A place between two events of a topic: everything up to `offset` is done, in the store that gave `token`.
 *
 * Tokens come per page and are opaque, so an event in the middle of a page has none of its own. An offset alone would
 * be exact, but it means other events once the store was restored from a backup, and nobody would notice; so the place
 * is the offset with a token from at or before it. Reading goes on from the token, which the service checks (topic,
 * EPOCH_CHANGED), and passes over the part of its page that is done: 64 KiB, at most. The last event of that part is
 * read before anything else and compared by its commit time, because the token says nothing about what comes behind it.
 */
export interface Place {
  /** Everything up to this offset is done. */
  readonly offset: bigint;
  /** A resume token from this offset, or before it. */
  readonly token: string;
  /** Commit time of the event at `offset`, in milliseconds, if the token is from before it. */
  readonly commitTimeMs?: number;
}

/**
 * A place as text, `OFFSET.TOKEN` or `OFFSET.TOKEN.TIME`: opaque to users, at most 300 characters, good for as long as
 * the events are kept.
 */
export function formatCheckpoint({ offset, token, commitTimeMs }: Place): string {
  return commitTimeMs === undefined ? `${offset}.${token}` : `${offset}.${token}.${commitTimeMs}`;
}

/** Throws INVALID_ARGUMENT (reason INVALID_CHECKPOINT) for anything that `formatCheckpoint` does not make. */
export function parseCheckpoint(checkpoint: string): Place {
  const [, offset, token, time] = /^(\d{1,19})\.([\w-]{1,256})(?:\.(\d{1,15}))?$/.exec(checkpoint) ?? [];
  if (offset === undefined || token === undefined) throw invalidCheckpoint();
  const place = { offset: BigInt(offset), token, commitTimeMs: time === undefined ? undefined : Number(time) };
  // Before the first event there is none whose time it could be.
  if (place.offset === 0n && time !== undefined) throw invalidCheckpoint();
  return place;
}

export function invalidCheckpoint(): LeatError {
  return new LeatError('this is not a checkpoint; pass one as it was given, or leave it out to begin anew', {
    code: Status.INVALID_ARGUMENT,
    reason: clientReasons.invalidCheckpoint,
  });
}

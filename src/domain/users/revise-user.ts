import { throwIfAborted } from 'abort-controller-x';
import type { Store, StoredUser } from '../../store/store.js';
import { type DomainError, isDomainError } from '../errors.js';
import { etagMismatch, userNotFound } from './user-errors.js';
import type { UserTarget } from './user-requests.js';

/**
 * Calls of this process take turns, so only other processes on the same store can come between. Of n that meet one gets
 * through each time, so among ten the unluckiest of 30,000 changes fails.
 */
const MAX_ATTEMPTS = 100;

/**
 * Reads a user and writes what `change` makes of it, again from the start if the user was changed in between.
 * `change` writes with `expectedRevision` at the revision that it was given.
 * Errors: `not-found` USER_NOT_FOUND; `conflict` ETAG_MISMATCH if the etag of the target is not, or no longer, the
 * current one; those of `change`.
 */
export async function reviseUser<T>(
  store: Store,
  { userId, etag }: UserTarget,
  signal: AbortSignal,
  change: (current: StoredUser) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal);
    const current = await store.user(userId);
    if (!current) throw userNotFound(userId);
    if (etag !== '' && etag !== `${current.revision}`) throw etagMismatch(userId, current.revision);
    try {
      return await change(current);
    } catch (error) {
      if (!isRevisionMismatch(error)) throw error;
      if (attempt === MAX_ATTEMPTS) throw etagMismatch(userId, Number(error.options.metadata?.revision));
    }
  }
}

/** True if the user is not, or no longer, at the revision that a write expected. */
export function isRevisionMismatch(error: unknown): error is DomainError {
  return isDomainError(error) && error.reason === 'REVISION_MISMATCH';
}

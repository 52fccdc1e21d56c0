import type { Store } from '../../store/store.js';
import { isDomainError } from '../errors.js';
import { USERS_TOPIC } from '../topics/system-topics.js';
import { reviseUser } from './revise-user.js';
import { userDeleted } from './user-events.js';
import type { UserTarget } from './user-requests.js';

export interface UserRemoval extends UserTarget {
  /** A user who is not there is no error. */
  readonly allowMissing: boolean;
}

/**
 * Removes a user. Returns the offset of "user.deleted"; 0 if there was no such user and that is allowed.
 * Errors: `not-found` USER_NOT_FOUND, `conflict` ETAG_MISMATCH {etag}.
 */
export async function removeUser(
  store: Store,
  removal: UserRemoval,
  { caller, signal }: { caller: string; signal: AbortSignal },
): Promise<number> {
  const { userId } = removal;
  try {
    return await reviseUser(store, removal, signal, async ({ revision: expectedRevision }) => {
      const announced = { topic: USERS_TOPIC, author: caller, event: userDeleted(userId) };
      const [removed] = await store.write([{ kind: 'remove-user', userId, expectedRevision, ...announced }]);
      return removed.revision;
    });
  } catch (error) {
    if (removal.allowMissing && isDomainError(error) && error.reason === 'USER_NOT_FOUND') return 0;
    throw error;
  }
}

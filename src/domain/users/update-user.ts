import type { User } from '../../../gen/leat/v1/user_service.js';
import type { Store, StoredUser } from '../../store/store.js';
import { msFromTimestamp, timestampFromMs } from '../timestamps.js';
import { reviseUser } from './revise-user.js';
import { applyUserPatch, type UserPatch } from './user-mask.js';
import { decodeUser, isSameContent, type UserFields } from './user-record.js';
import type { UserTarget } from './user-requests.js';
import { writeUser } from './write-user.js';

export interface UserUpdate extends UserTarget {
  readonly patch: UserPatch;
}

/**
 * Changes a user; one that stays as it was is no event.
 * Errors: `not-found` USER_NOT_FOUND, `conflict` ETAG_MISMATCH {etag}, `exists` EMAIL_TAKEN, `invalid`.
 */
export async function updateUser(
  store: Store,
  update: UserUpdate,
  { caller, signal, nowMs }: { caller: string; signal: AbortSignal; nowMs: number },
): Promise<User> {
  return reviseUser(store, update, signal, async (current) => {
    const before = decodeUser(current);
    const fields = applyUserPatch(update.patch, before);
    if (isSameContent(before, fields)) return before;
    return replaceUser(store, current, changed(before, fields, nowMs), caller);
  });
}

async function replaceUser(store: Store, current: StoredUser, user: User, caller: string): Promise<User> {
  const { createDigest, revision } = current;
  return writeUser(store, { type: 'user.updated', user, caller, createDigest, expectedRevision: revision });
}

function changed(before: User, fields: UserFields, nowMs: number): User {
  const beforeMs = before.updateTime ? msFromTimestamp(before.updateTime) : 0;
  const { name, email, attributes } = fields;
  const updateTime = timestampFromMs(Math.max(nowMs, beforeMs));
  return { ...before, name, email, attributes: new Map(attributes), updateTime };
}

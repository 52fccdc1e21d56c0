import type { User } from '../../../gen/leat/v1/user_service.js';
import { emailKeyOf } from '../../store/encoding/email-key.js';
import type { Store } from '../../store/store.js';
import { isDomainError } from '../errors.js';
import { USERS_TOPIC } from '../topics/system-topics.js';
import { emailTaken } from './user-errors.js';
import { userChanged } from './user-events.js';
import { encodeUser, etagOf } from './user-record.js';

export interface UserWrite {
  readonly type: 'user.created' | 'user.updated';
  readonly user: User;
  /** Who does it. */
  readonly caller: string;
  readonly createDigest: Uint8Array;
  /** 0: the user must not exist yet. */
  readonly expectedRevision: number;
}

/**
 * Stores a user and tells of it, in one unit. Returns the user with its new etag.
 * Errors: `conflict` REVISION_MISMATCH, `exists` EMAIL_TAKEN.
 */
export async function writeUser(store: Store, write: UserWrite): Promise<User> {
  const { user } = write;
  const put = {
    kind: 'put-user',
    topic: USERS_TOPIC,
    author: write.caller,
    event: userChanged(write.type, user),
    userId: user.userId,
    emailKey: user.email === '' ? undefined : emailKeyOf(user.email),
    record: encodeUser(user),
    createDigest: write.createDigest,
    expectedRevision: write.expectedRevision,
  } as const;
  try {
    const [{ revision }] = await store.write([put]);
    return { ...user, etag: etagOf(revision) };
  } catch (error) {
    throw isDomainError(error) && error.reason === 'EMAIL_TAKEN' ? emailTaken(user.email) : error;
  }
}

import { v7 as uuidv7 } from 'uuid';
import { User } from '../../../gen/leat/v1/user_service.js';
import type { Store, StoredUser } from '../../store/store.js';
import { isDomainError } from '../errors.js';
import { timestampFromMs } from '../timestamps.js';
import { isRevisionMismatch } from './revise-user.js';
import { idReused } from './user-errors.js';
import { creationDigest, decodeUser } from './user-record.js';
import type { NewUser } from './user-requests.js';
import { writeUser } from './write-user.js';

const MAX_ATTEMPTS = 8;

export interface CreatedUser {
  readonly user: User;
  /** An earlier call had created this user with the same content. */
  readonly duplicate: boolean;
}

interface Creation {
  readonly user: User;
  readonly createDigest: Uint8Array;
  readonly caller: string;
}

/** Adds a user, or answers as the call that did. Errors: `exists` ID_REUSED or EMAIL_TAKEN. */
export async function createUser(
  store: Store,
  { userId, fields }: NewUser,
  { caller, nowMs }: { caller: string; nowMs: number },
): Promise<CreatedUser> {
  const time = timestampFromMs(nowMs);
  const { name, email } = fields;
  const attributes = new Map(fields.attributes);
  const id = userId || uuidv7({ msecs: nowMs });
  const user = User.create({ userId: id, name, email, attributes, createTime: time, updateTime: time });
  const creation = { user, createDigest: creationDigest(fields), caller };
  const existing = await store.user(user.userId);
  return existing ? repeated(existing, creation) : add(store, creation);
}

async function add(store: Store, creation: Creation, attempts = MAX_ATTEMPTS): Promise<CreatedUser> {
  try {
    const user = await writeUser(store, { type: 'user.created', expectedRevision: 0, ...creation });
    return { user, duplicate: false };
  } catch (error) {
    // A call to another process may have created this very user in between; then the email is taken by itself.
    if (!isRevisionMismatch(error) && !(isDomainError(error) && error.reason === 'EMAIL_TAKEN')) throw error;
    const winner = await store.user(creation.user.userId);
    if (winner) return repeated(winner, creation);
    if (!isRevisionMismatch(error) || attempts === 1) throw error;
    return add(store, creation, attempts - 1); // It was there and is gone again.
  }
}

function repeated(existing: StoredUser, { user, createDigest }: Creation): CreatedUser {
  if (Buffer.compare(existing.createDigest, createDigest) !== 0) throw idReused(user.userId);
  return { user: decodeUser(existing), duplicate: true };
}

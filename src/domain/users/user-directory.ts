import type { User } from '../../../gen/leat/v1/user_service.js';
import { emailKeyOf } from '../../store/encoding/email-key.js';
import type { Store } from '../../store/store.js';
import { type CreatedUser, createUser } from './create-user.js';
import { createKeyedLock } from '../keyed-lock.js';
import { type ListedUsers, listUsers } from './list-users.js';
import { removeUser, type UserRemoval } from './remove-user.js';
import { type UserUpdate, updateUser } from './update-user.js';
import { userNotFound } from './user-errors.js';
import { decodeUser } from './user-record.js';
import type { NewUser, UserKey, UsersPage } from './user-requests.js';

/** Who asks, and whether they still do. */
export interface Call {
  readonly caller: string;
  readonly signal: AbortSignal;
}

/** The users: what the rpcs of UserService mean, on requests that are checked already. */
export interface UserDirectory {
  create(newUser: NewUser, call: Call): Promise<CreatedUser>;
  /** Errors: `not-found` USER_NOT_FOUND. */
  find(key: UserKey): Promise<User>;
  update(update: UserUpdate, call: Call): Promise<User>;
  /** Resolves to the offset of "user.deleted"; 0 if there was no such user and that is allowed. */
  remove(removal: UserRemoval, call: Call): Promise<number>;
  list(page: UsersPage): Promise<ListedUsers>;
}

export interface UserDirectoryDeps {
  readonly store: Store;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function createUserDirectory({ store, now }: UserDirectoryDeps): UserDirectory {
  // Changes of one user take turns. Otherwise of n that meet all but one would find the user changed and try again.
  const lock = createKeyedLock();

  return {
    create(newUser, { caller, signal }) {
      const create = () => createUser(store, newUser, { caller, nowMs: now() });
      return newUser.userId === '' ? create() : lock.run(newUser.userId, signal, create);
    },
    async find(key) {
      const stored = await (key.$case === 'userId' ? store.user(key.value) : store.userByEmail(emailKeyOf(key.value)));
      if (!stored) throw userNotFound(key.value);
      return decodeUser(stored);
    },
    update(update, { caller, signal }) {
      return lock.run(update.userId, signal, () => updateUser(store, update, { caller, signal, nowMs: now() }));
    },
    remove(removal, { caller, signal }) {
      return lock.run(removal.userId, signal, () => removeUser(store, removal, { caller, signal }));
    },
    list: (page) => listUsers(store, page),
  };
}

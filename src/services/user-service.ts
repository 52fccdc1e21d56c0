import type { UserServiceImplementation } from '../../gen/leat/v1/user_service.js';
import { createTokenCodec } from '../domain/tokens.js';
import { USERS_TOPIC } from '../domain/topics/system-topics.js';
import { createUserDirectory } from '../domain/users/user-directory.js';
import {
  readCreateUser,
  readDeleteUser,
  readGetUser,
  readListUsers,
  readUpdateUser,
} from '../domain/users/user-requests.js';
import type { LeatCallContext } from '../middleware/call-context.js';
import type { Store } from '../store/store.js';

export interface UserServiceDeps {
  readonly store: Store;
  /** Milliseconds since 1970. Default: Date.now. */
  readonly now?: () => number;
}

/** The handlers of UserService. */
export function createUserService({
  store,
  now = Date.now,
}: UserServiceDeps): UserServiceImplementation<LeatCallContext> {
  const users = createUserDirectory({ store, now });
  const positions = createTokenCodec({ epoch: store.epoch, kind: 'events', subject: USERS_TOPIC });

  return {
    createUser: async (request, context) => users.create(readCreateUser(request), context),
    getUser: async (request) => ({ user: await users.find(readGetUser(request)) }),
    updateUser: async (request, context) => ({ user: await users.update(readUpdateUser(request), context) }),
    deleteUser: async (request, context) => ({ offset: BigInt(await users.remove(readDeleteUser(request), context)) }),
    async listUsers(request) {
      const { snapshot, ...page } = await users.list(readListUsers(store.epoch, request));
      const resumeToken = positions.encode({ ...snapshot, key: '' });
      return { ...page, users: [...page.users], readOffset: BigInt(snapshot.offset), resumeToken };
    },
  };
}

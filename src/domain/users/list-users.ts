import type { User } from '../../../gen/leat/v1/user_service.js';
import type { Store, StoredUser } from '../../store/store.js';
import { checkSnapshot } from '../events/check-position.js';
import type { TokenPlace } from '../tokens.js';
import { USERS_TOPIC } from '../topics/system-topics.js';
import { decodeUser } from './user-record.js';
import type { UsersPage } from './user-requests.js';

/** A page ends here whatever its size, for clients refuse messages above 4 MiB and 1,000 users can have 35 MB. */
const MAX_PAGE_BYTES = 1024 * 1024;
const USERS_A_READ = 100;

export interface ListedUsers {
  readonly users: readonly User[];
  /** Empty: this is the last page. */
  readonly nextPageToken: string;
  /** Head of the users' topic when the first page was read. */
  readonly snapshot: TokenPlace;
}

export async function listUsers(store: Store, { limit, place, tokens }: UsersPage): Promise<ListedUsers> {
  // Before the first user is read: what changes from now on is in the log after this offset.
  const snapshot = await checkSnapshot(store, USERS_TOPIC, place);
  const users: User[] = [];
  let bytes = 0;
  for await (const stored of usersAfter(store, place?.key ?? '', limit + 1)) {
    const last = users.at(-1);
    bytes += stored.record.length;
    if (last && (users.length === limit || bytes > MAX_PAGE_BYTES)) {
      return { users, snapshot, nextPageToken: tokens.encode({ ...snapshot, key: last.userId }) };
    }
    users.push(decodeUser(stored));
  }
  return { users, snapshot, nextPageToken: '' };
}

/** Users after an id, read in small portions as they are asked for. */
async function* usersAfter(store: Store, firstAfter: string, wanted: number): AsyncGenerator<StoredUser> {
  const limit = Math.min(wanted, USERS_A_READ);
  for (let after: string | undefined = firstAfter; after !== undefined;) {
    const users: readonly StoredUser[] = await store.listUsers({ after, limit });
    yield* users;
    after = users.length < limit ? undefined : users.at(-1)?.userId;
  }
}

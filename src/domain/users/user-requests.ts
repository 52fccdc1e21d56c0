import type {
  CreateUserRequest,
  DeleteUserRequest,
  GetUserRequest,
  ListUsersRequest,
  UpdateUserRequest,
  User,
} from '../../../gen/leat/v1/user_service.js';
import { invalid } from '../errors.js';
import { createTokenCodec, type TokenCodec, type TokenPlace } from '../tokens.js';
import { checkAttributes } from '../validation/attributes.js';
import { checkEtag } from '../validation/etags.js';
import { checkPageSize } from '../validation/numbers.js';
import { createViolations } from '../validation/violations.js';
import { readUserPatch, type UserPatch } from './user-mask.js';
import type { UserFields } from './user-record.js';
import { checkEmail, checkName, checkUserId } from './user-rules.js';

// Each function turns a request into what was asked for, or throws all that is wrong with it.

export interface NewUser {
  /** Empty: the service makes one. */
  readonly userId: string;
  readonly fields: UserFields;
}

export function readCreateUser({ user }: CreateUserRequest): NewUser {
  const violations = createViolations();
  const fields = fieldsOf(user);
  const userId = user?.userId ?? '';
  if (userId !== '') checkUserId(violations, 'user.user_id', userId);
  checkName(violations, 'user.name', fields.name);
  if (fields.email !== '') checkEmail(violations, 'user.email', fields.email);
  checkAttributes(violations, 'user.attributes', fields.attributes);
  violations.throwIfAny();
  return { userId, fields };
}

export type UserKey = NonNullable<GetUserRequest['key']>;

export function readGetUser({ key }: GetUserRequest): UserKey {
  if (!key) throw invalid([{ field: 'key', description: 'one of user_id and email is required' }]);
  const violations = createViolations();
  if (key.$case === 'userId') checkUserId(violations, 'user_id', key.value);
  else checkEmail(violations, 'email', key.value);
  violations.throwIfAny();
  return key;
}

export interface UserTarget {
  readonly userId: string;
  /** Only if this is the current etag; empty: whatever it is. */
  readonly etag: string;
}

export function readUpdateUser({ user, updateMask }: UpdateUserRequest): UserTarget & { patch: UserPatch } {
  const violations = createViolations();
  const userId = user?.userId ?? '';
  checkUserId(violations, 'user.user_id', userId);
  const etag = checkEtag(violations, 'user.etag', user?.etag);
  const patch = readUserPatch(violations, updateMask, fieldsOf(user));
  violations.throwIfAny();
  return { userId, etag, patch };
}

export function readDeleteUser(request: DeleteUserRequest): UserTarget & { allowMissing: boolean } {
  const violations = createViolations();
  const { userId, allowMissing } = request;
  checkUserId(violations, 'user_id', userId);
  const etag = checkEtag(violations, 'etag', request.etag);
  violations.throwIfAny();
  return { userId, etag, allowMissing };
}

export interface UsersPage {
  readonly limit: number;
  /** Where the page before ended: `key` its last id, `offset` the read_offset. Undefined for the first page. */
  readonly place: TokenPlace | undefined;
  /** For the token of the next page. */
  readonly tokens: TokenCodec;
}

/** `epoch` is the store's. */
export function readListUsers(epoch: string, { pageSize, pageToken }: ListUsersRequest): UsersPage {
  const violations = createViolations();
  const limit = checkPageSize(violations, 'page_size', pageSize);
  const tokens = createTokenCodec({ epoch, kind: 'users' });
  const place = pageToken === '' ? undefined : tokens.decode(violations, 'page_token', pageToken);
  violations.throwIfAny();
  return { limit, place, tokens };
}

/** Nothing else of what the client sent: times and etag are the service's own. */
function fieldsOf(user: User | undefined): UserFields {
  return { name: user?.name ?? '', email: user?.email ?? '', attributes: user?.attributes ?? new Map() };
}

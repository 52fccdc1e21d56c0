import { createHash } from 'node:crypto';
import { User } from '../../../gen/leat/v1/user_service.js';
import type { StoredUser } from '../../store/store.js';

/** What a client may set of a user. */
export interface UserFields {
  readonly name: string;
  /** Empty: none. */
  readonly email: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/** The user as clients see it. */
export function decodeUser({ record, revision }: Pick<StoredUser, 'record' | 'revision'>): User {
  return { ...User.decode(record), etag: etagOf(revision) };
}

/** The user as it is stored: without the etag, which is the row's revision. */
export function encodeUser(user: User): Uint8Array {
  return User.encode({ ...user, etag: undefined }).finish();
}

export function etagOf(revision: number): string {
  return `${revision}`;
}

/** Tells a repeated creation from another one; the order of attributes does not count. */
export function creationDigest(fields: UserFields): Uint8Array {
  const content = JSON.stringify([fields.name, fields.email, sortedPairs(fields.attributes)]);
  return createHash('sha256').update(content).digest();
}

export function isSameContent(a: UserFields, b: UserFields): boolean {
  return a.name === b.name && a.email === b.email && isSameMap(a.attributes, b.attributes);
}

function isSameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function sortedPairs(attributes: ReadonlyMap<string, string>): [string, string][] {
  return [...attributes].sort(([a], [b]) => (a < b ? -1 : 1));
}

import { DomainError } from '../errors.js';
import { etagOf } from './user-record.js';

const TYPE = 'leat.v1.User';

/** `key` is the id or the email that was looked for. */
export function userNotFound(key: string): DomainError {
  const message = `user "${key}" does not exist: check the id or email, or create the user`;
  return new DomainError('not-found', 'USER_NOT_FOUND', message, { resource: { type: TYPE, name: key } });
}

export function etagMismatch(userId: string, revision: number): DomainError {
  const message = `user "${userId}" was changed since: read it again, and send your change with its etag "${revision}"`;
  return new DomainError('conflict', 'ETAG_MISMATCH', message, { metadata: { etag: etagOf(revision) } });
}

export function idReused(userId: string): DomainError {
  const message = `user "${userId}" was created with other content: choose another user_id, or change it with UpdateUser`;
  return new DomainError('exists', 'ID_REUSED', message, { resource: { type: TYPE, name: userId } });
}

export function emailTaken(email: string): DomainError {
  const message = `the email "${email}" belongs to another user: choose another one, or find its user with GetUser`;
  return new DomainError('exists', 'EMAIL_TAKEN', message, { resource: { type: TYPE, name: email } });
}

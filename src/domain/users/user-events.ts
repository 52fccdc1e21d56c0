import { Event } from '../../../gen/leat/v1/event.js';
import { User } from '../../../gen/leat/v1/user_service.js';
import { type EventRun, encodeEventRun } from '../../store/encoding/event-run.js';

/** The event that tells that a user was created or changed: its proto-JSON, without the etag. */
export function userChanged(type: 'user.created' | 'user.updated', user: User): EventRun {
  return userEvent(type, user.userId, userJson(user));
}

/** The event that tells that a user was removed: nothing but the id, so that personal data ends. */
export function userDeleted(userId: string): EventRun {
  return userEvent('user.deleted', userId, { userId });
}

function userJson(user: User): object {
  const json = User.toJSON({ ...user, etag: undefined }) as object;
  // toJSON assigns key by key, which loses an attribute named "__proto__".
  return user.attributes.size === 0 ? json : { ...json, attributes: Object.fromEntries(user.attributes) };
}

function userEvent(type: string, userId: string, json: object): EventRun {
  const event = Event.fromPartial({
    type,
    subject: userId,
    contentType: 'application/json',
    payload: { $case: 'text', value: JSON.stringify(json) },
  });
  return encodeEventRun([Event.encode(event).finish()]);
}

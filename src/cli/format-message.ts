import type { RoomMessage } from '../client/index.js';
import { escapeText } from './escape-text.js';
import { formatPayload } from './format-event.js';
import type { Paint } from './paint.js';

/** How somebody without a name is called. */
export const ANONYMOUS = 'anonymous';

/** One message as one line for people: the time of day here, who, what. */
export function formatMessage({ author, commitTime, event }: RoomMessage, paint: Paint): string {
  const time = commitTime === undefined ? '--:--' : formatTimeOfDay(new Date(Number(commitTime.seconds) * 1000));
  return `${time} ${paint('heading', nameOf(author))}  ${formatPayload(event)}`;
}

export function nameOf(user: string): string {
  return user === '' ? ANONYMOUS : escapeText(user);
}

function formatTimeOfDay(date: Date): string {
  return [date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':');
}

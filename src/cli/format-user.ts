import { User } from '../../gen/leat/v1/user_service.js';
import { escapeJson, escapeText } from './escape-text.js';
import { formatTime } from './format-time.js';

/** One user on a line each field, or as one line of proto-JSON. */
export function formatUser(user: User, json: boolean | undefined): string {
  if (json) return `${escapeJson(JSON.stringify(User.toJSON(user)))}\n`;
  const fields: [string, string][] = [
    ['id', user.userId],
    ['name', user.name],
    ['email', user.email],
    ...[...user.attributes].sort().map(([key, value]): [string, string] => [key, value]),
    ['created', formatTime(user.createTime, '')],
    ['updated', formatTime(user.updateTime, '')],
    ['etag', user.etag ?? ''],
  ];
  const shown = fields.filter(([, value]) => value !== '');
  return shown.map(([name, value]) => `${escapeText(name)}: ${escapeText(value)}\n`).join('');
}

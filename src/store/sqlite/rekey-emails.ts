import type { Database } from 'better-sqlite3';
import { User } from '../../../gen/leat/v1/user_service.js';
import { emailKeyOf } from '../encoding/email-key.js';
import type { Warn } from './schema.js';

/** Users that are read at a time. */
const PORTION = 1_000;

interface Loser {
  readonly userId: string;
  readonly ownerId: string;
}

/**
 * Computes the unique key of every stored email anew, after a change of the rule. No user is lost: of those whose
 * emails are the same by the new rule the one created first keeps the key. The others keep their email, but are not
 * found by it, and their next update must change it (EMAIL_TAKEN until then); each of them is named in the log.
 */
export function rekeyEmails(db: Database, warn: Warn): void {
  db.exec(
    'CREATE TEMP TABLE email_keys (user_id TEXT PRIMARY KEY, email_key TEXT NOT NULL, create_time INTEGER NOT NULL)',
  );
  collectKeys(db);
  db.exec(`
    UPDATE users SET email_key = NULL;
    CREATE TEMP TABLE ranked_keys AS SELECT user_id, email_key,
      first_value(user_id) OVER (PARTITION BY email_key ORDER BY create_time, user_id) AS owner_id FROM email_keys;
    CREATE UNIQUE INDEX temp.ranked_by_user ON ranked_keys (user_id);
    UPDATE users SET email_key =
      (SELECT email_key FROM ranked_keys WHERE ranked_keys.user_id = users.user_id AND owner_id = ranked_keys.user_id);
  `);
  const losers = db.prepare<[], Loser>(
    'SELECT user_id AS userId, owner_id AS ownerId FROM ranked_keys WHERE owner_id <> user_id ORDER BY user_id',
  );
  for (const loser of losers.iterate()) warn(loser, sameEmail(loser));
  db.exec('DROP TABLE ranked_keys; DROP TABLE email_keys');
}

function collectKeys(db: Database): void {
  const select = db.prepare<[string, number], { user_id: string; record: Buffer }>(
    'SELECT user_id, record FROM users WHERE user_id > ? ORDER BY user_id LIMIT ?',
  );
  const insert = db.prepare('INSERT INTO email_keys VALUES (?, ?, ?)');
  for (let after: string | undefined = ''; after !== undefined;) {
    const users = select.all(after, PORTION);
    for (const { user_id: userId, record } of users) {
      const { email, createTime } = User.decode(record);
      if (email !== '') insert.run(userId, emailKeyOf(email), createTimeMs(createTime));
    }
    after = users.length < PORTION ? undefined : users.at(-1)?.user_id;
  }
}

function createTimeMs(time: User['createTime']): number {
  return time ? Number(time.seconds) * 1000 + Math.floor(time.nanos / 1_000_000) : 0;
}

function sameEmail({ userId, ownerId }: Loser): string {
  return (
    `users "${ownerId}" and "${userId}" have the same email by the rules of this version: "${ownerId}" was created ` +
    `first and keeps it; give "${userId}" another email`
  );
}

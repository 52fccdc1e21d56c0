import type { Database } from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import type { PutUser, RemoveUser, RevisionResult } from '../store.js';
import type { Appender } from './append.js';

/** Carries out PutUser and RemoveUser: the row and the event that tells of it, in one unit. */
export class UserTable {
  private readonly selectRevision;
  private readonly selectOwner;
  private readonly replace;
  private readonly delete;

  constructor(
    db: Database,
    private readonly appender: Appender,
  ) {
    this.selectRevision = db.prepare<[string], number>('SELECT revision FROM users WHERE user_id = ?').pluck();
    this.selectOwner = db.prepare<[string], string>('SELECT user_id FROM users WHERE email_key = ?').pluck();
    this.replace = db.prepare(
      `INSERT INTO users (user_id, email_key, revision, create_digest, record) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (user_id) DO UPDATE SET email_key = excluded.email_key, revision = excluded.revision,
         create_digest = excluded.create_digest, record = excluded.record`,
    );
    this.delete = db.prepare('DELETE FROM users WHERE user_id = ?');
  }

  put(change: PutUser, nowMs: number): RevisionResult {
    this.checkRevision(change);
    this.checkEmail(change);
    const revision = this.announce(change, nowMs);
    this.replace.run(change.userId, change.emailKey ?? null, revision, change.createDigest, change.record);
    return { revision };
  }

  remove(change: RemoveUser, nowMs: number): RevisionResult {
    this.checkRevision(change);
    this.delete.run(change.userId);
    return { revision: this.announce(change, nowMs) };
  }

  private announce(change: PutUser | RemoveUser, nowMs: number): number {
    const { topic, author, event } = change;
    return this.appender.append({ kind: 'append-events', topic, author, events: event }, nowMs).lastOffset;
  }

  private checkRevision(change: PutUser | RemoveUser): void {
    const revision = this.selectRevision.get(change.userId) ?? 0;
    if (revision === change.expectedRevision) return;
    throw new DomainError(
      'conflict',
      'REVISION_MISMATCH',
      `user "${change.userId}" is at revision ${revision}, not ${change.expectedRevision}`,
      { metadata: { revision: `${revision}` } },
    );
  }

  private checkEmail(change: PutUser): void {
    if (change.emailKey === undefined) return;
    const owner = this.selectOwner.get(change.emailKey);
    if (owner === undefined || owner === change.userId) return;
    throw new DomainError('exists', 'EMAIL_TAKEN', `the email "${change.emailKey}" belongs to another user`, {
      resource: { type: 'leat.v1.User', name: change.emailKey },
    });
  }
}

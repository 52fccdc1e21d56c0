import { randomBytes } from 'node:crypto';
import Database from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import { rekeyEmails } from './rekey-emails.js';
import { sqliteCode } from './sqlite-errors.js';

/** "Leat" in ASCII; tells our files from other SQLite databases. */
const APPLICATION_ID = 0x4c656174;

/** A step in SQL, or one that needs more; `warn` tells whoever runs the server what must be looked after by hand. */
type Migration = string | ((db: Database.Database, warn: Warn) => void);

/** Takes a log line of the store: values, and words for people. */
export type Warn = (values: object, message: string) => void;

/**
 * Each entry brings the database from version n to n + 1 and is never changed after a release.
 *
 * `segments.position` is topic_id * 2^40 + the segment's last offset: one B-tree in the order of reading, found by one
 * seek, without a second index. That bounds a store to 2^23 topics and a topic to 2^40 offsets (topic-table.ts checks).
 * `producer_runs` maps a producer's sequence to offsets: a row only where their difference changes, so a producer that
 * is alone on its topic has one, and any resend can be compared with what is stored.
 */
const MIGRATIONS: readonly Migration[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE topics (
    topic_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first_offset INTEGER NOT NULL,
    head_offset INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    last_commit_time INTEGER NOT NULL,
    max_age INTEGER,
    max_bytes INTEGER,
    max_events INTEGER,
    deleted INTEGER NOT NULL
  );

  CREATE TABLE segments (
    position INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    size INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    types TEXT,
    checksum INTEGER NOT NULL,
    header_checksum INTEGER NOT NULL,
    records BLOB NOT NULL
  );

  CREATE TABLE event_ids (
    topic_id INTEGER NOT NULL,
    author TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_offset INTEGER NOT NULL,
    PRIMARY KEY (topic_id, author, event_id)
  ) WITHOUT ROWID;

  CREATE TABLE producers (
    topic_id INTEGER NOT NULL,
    producer_id TEXT NOT NULL,
    last_sequence INTEGER NOT NULL,
    last_offset INTEGER NOT NULL,
    PRIMARY KEY (topic_id, producer_id)
  ) WITHOUT ROWID;

  CREATE TABLE producer_runs (
    topic_id INTEGER NOT NULL,
    producer_id TEXT NOT NULL,
    first_sequence INTEGER NOT NULL,
    first_offset INTEGER NOT NULL,
    PRIMARY KEY (topic_id, producer_id, first_sequence)
  ) WITHOUT ROWID;

  CREATE TABLE cursors (
    topic_id INTEGER NOT NULL,
    cursor TEXT NOT NULL,
    event_offset INTEGER NOT NULL,
    commit_time INTEGER NOT NULL,
    PRIMARY KEY (topic_id, cursor)
  ) WITHOUT ROWID;

  CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    email_key TEXT UNIQUE,
    revision INTEGER NOT NULL,
    create_digest BLOB NOT NULL,
    record BLOB NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE uploads (
    upload_id TEXT PRIMARY KEY,
    author TEXT NOT NULL,
    file_id TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    committed_size INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    expire_time INTEGER NOT NULL,
    record BLOB NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX uploads_by_author ON uploads (author, upload_id);
  CREATE INDEX uploads_by_expiry ON uploads (expire_time);

  CREATE TABLE blobs (
    blob_id TEXT NOT NULL UNIQUE,
    file_id TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    record BLOB NOT NULL,
    checksums BLOB NOT NULL
  );
  `,
  rekeyEmails,
  // Producers that outlive their events. Which of the existing ones have a name that is used again is not known: all
  // are kept, without a digest, so that none of them appends its events a second time after a trim.
  `
  ALTER TABLE producers ADD COLUMN keep INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE producers ADD COLUMN last_time INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE producers ADD COLUMN last_digest BLOB;
  ALTER TABLE topics ADD COLUMN producers_after INTEGER NOT NULL DEFAULT 0;
  UPDATE producers SET keep = 1, last_time = unixepoch() * 1000
    WHERE last_offset >= (SELECT first_offset FROM topics WHERE topics.topic_id = producers.topic_id);
  `,
];

const PAGE_BYTES = 16 * 1024;
/** The WAL is written back when it has so many pages: SQLite's default, or fewer for a small reserve. */
const MAX_WAL_PAGES = 1_000;
const MIN_WAL_PAGES = 16;

/**
 * Opens a connection for writing. `synchronous=FULL` because better-sqlite3's build defaults to NORMAL in WAL mode,
 * which can lose commits on power loss; pages of 16 KiB because a segment is read in one piece.
 * Errors: `precondition` STORE_TOO_NEW, NOT_A_STORE.
 */
export function openForWriting(file: string, { reserveBytes = Infinity } = {}): Database.Database {
  const db = new Database(file, { timeout: 5000 });
  try {
    // Before anything is set: what is not ours stays as it is.
    checkOurs(db);
    return tune(db, reserveBytes);
  } catch (error) {
    db.close();
    throw error;
  }
}

function tune(db: Database.Database, reserveBytes: number): Database.Database {
  // Of a database that is new; to an old one the second would write, which a full disk does not let it.
  if (versionOf(db) === 0) {
    db.pragma(`page_size = ${PAGE_BYTES}`);
    db.pragma('auto_vacuum = INCREMENTAL');
  }
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('cache_size = -32768');
  db.pragma('journal_size_limit = 67108864');
  db.pragma(`wal_autocheckpoint = ${walBytes(reserveBytes) / PAGE_BYTES}`);
  // What is trimmed or deleted is overwritten where that costs no further write: personal data ends on the disk too.
  db.pragma('secure_delete = FAST');
  return db;
}

/**
 * Bytes that the WAL holds before it is written back, beside one transaction. To write it back takes up to its size,
 * which the reserve must have room for when the disk is full.
 */
export function walBytes(reserveBytes: number): number {
  const pages = Math.floor(reserveBytes / 2 / PAGE_BYTES);
  return Math.min(Math.max(pages, MIN_WAL_PAGES), MAX_WAL_PAGES) * PAGE_BYTES;
}

/** Opens a connection that can only read. */
export function openForReading(file: string): Database.Database {
  const db = new Database(file, { readonly: true, timeout: 5000 });
  try {
    db.pragma('cache_size = -32768');
    // The first read needs room on the disk, for the index of the WAL: a full one is noticed here.
    versionOf(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

export interface MigrateOptions {
  /** Default: false. */
  readonly newEpoch?: boolean | undefined;
  /** Default: nobody is told. */
  readonly warn?: Warn | undefined;
}

/** Creates the database or brings it to this version, in one transaction, and returns the store's epoch. */
export function migrate(
  db: Database.Database,
  { newEpoch = false, warn = () => undefined }: MigrateOptions = {},
): string {
  const version = versionOf(db);
  // Nothing is written that is there already: a full disk is no reason not to start.
  if (version < MIGRATIONS.length || newEpoch) writeSchema(db, version, { newEpoch, warn });
  return db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get('epoch') as string;
}

function writeSchema(
  db: Database.Database,
  version: number,
  { newEpoch, warn }: { newEpoch: boolean; warn: Warn },
): void {
  db.transaction(() => {
    for (const migration of MIGRATIONS.slice(version)) {
      if (typeof migration === 'string') db.exec(migration);
      else migration(db, warn);
    }
    db.pragma(`user_version = ${MIGRATIONS.length}`);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.prepare(`INSERT OR ${newEpoch ? 'REPLACE' : 'IGNORE'} INTO meta (key, value) VALUES ('epoch', ?)`).run(
      randomBytes(9).toString('base64url'),
    );
  }).immediate();
}

function versionOf(db: Database.Database): number {
  return db.pragma('user_version', { simple: true }) as number;
}

/** Errors: `precondition` STORE_TOO_NEW, NOT_A_STORE. */
export function checkOurs(db: Database.Database): void {
  if (!isStore(db)) {
    throw new DomainError(
      'precondition',
      'NOT_A_STORE',
      `${db.name} is not a database of Leat: name another --data-dir`,
    );
  }
  const version = versionOf(db);
  if (version <= MIGRATIONS.length) return;
  throw new DomainError(
    'precondition',
    'STORE_TOO_NEW',
    `the data directory was written by a newer Leat (store version ${version}, this one knows ${MIGRATIONS.length}): ` +
      'start that version, or restore a backup of this one',
  );
}

/** A database without tables is one that is about to be created. */
function isStore(db: Database.Database): boolean {
  try {
    if (db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0) return true;
    return db.pragma('application_id', { simple: true }) === APPLICATION_ID;
  } catch (error) {
    if (sqliteCode(error) === 'SQLITE_NOTADB') return false;
    throw error;
  }
}

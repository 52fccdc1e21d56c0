import Database from 'better-sqlite3';

/** The database as version 1 of the store made it; never changed, so that migrations from it stay tested. */
const SCHEMA_V1 = `
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
  INSERT INTO meta VALUES ('epoch', 'epoch-of-v1');
  PRAGMA user_version = 1;
  PRAGMA application_id = ${0x4c656174};
`;

/** Makes a database of version 1, to be filled and closed. */
export function createDatabaseV1(file: string): Database.Database {
  const db = new Database(file);
  db.pragma('page_size = 16384');
  db.pragma('auto_vacuum = INCREMENTAL');
  db.pragma('journal_mode = WAL');
  db.exec(SCHEMA_V1);
  return db;
}

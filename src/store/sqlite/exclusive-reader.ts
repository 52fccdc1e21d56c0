import { rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { checkOurs, type MigrateOptions, migrate } from './schema.js';
import { isDiskFull, sqliteCode } from './sqlite-errors.js';

/**
 * Opens the database for reading where no room is left on the disk, and returns the store's epoch. Other connections to
 * a database in WAL mode share an index of the WAL, the file leat.db-shm. One that is alone keeps it in memory.
 * Writes the WAL back if that takes no room, which gives back its room.
 * Errors: SQLITE_FULL if the database has to be created or migrated; as `openForWriting`.
 */
export function openExclusively(file: string, options: MigrateOptions): { db: Database.Database; epoch: string } {
  const db = new Database(file, { timeout: 5000, fileMustExist: true });
  try {
    // Before the first read, which takes the lock.
    db.pragma('locking_mode = EXCLUSIVE');
    checkOurs(db);
    // A part of it is left by a connection that could not be opened; with the lock held, nobody uses it.
    rmSync(`${file}-shm`, { force: true });
    db.pragma('synchronous = FULL');
    writeBack(db);
    const epoch = migrate(db, options);
    db.pragma('cache_size = -32768');
    db.pragma('query_only = ON');
    return { db, epoch };
  } catch (error) {
    db.close();
    throw error;
  }
}

function writeBack(db: Database.Database): void {
  try {
    db.pragma('wal_checkpoint(TRUNCATE)');
  } catch (error) {
    // The WAL stays as it is, and is read.
    if (!isDiskFull(error)) throw error;
  }
}

/**
 * Lets other connections in. False: there is too little room, and nothing has changed. Errors: the database must be closed.
 * It leaves WAL mode meanwhile, because a connection whose index of the WAL is in memory cannot give up its lock.
 */
export function shareDatabase(db: Database.Database): boolean {
  db.pragma('query_only = OFF');
  try {
    db.pragma('journal_mode = DELETE');
    db.pragma('locking_mode = NORMAL');
    db.pragma('journal_mode = WAL');
  } catch (error) {
    if (sqliteCode(error) !== 'SQLITE_FULL') throw error;
    db.pragma('locking_mode = EXCLUSIVE');
    return false;
  } finally {
    db.pragma('query_only = ON');
  }
  // Makes the file of the index, which takes room as well.
  db.pragma('user_version');
  return true;
}

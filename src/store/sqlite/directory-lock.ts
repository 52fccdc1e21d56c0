import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import { isDiskFull, sqliteCode } from './sqlite-errors.js';

/**
 * Keeps a second server off a data directory. The lock is SQLite's exclusive lock on a file of its own: the OS frees
 * it when the process ends, `kill -9` included. Who holds it stands in a file beside it, because reading the locked
 * file from the holder's own process would release a POSIX lock.
 * Errors: `precondition` DATA_DIR_IN_USE.
 */
export function lockDirectory(dataDir: string): () => void {
  const db = new Database(path.join(dataDir, 'leat.lock'), { timeout: 0 });
  const holderFile = path.join(dataDir, 'leat.pid');
  try {
    // Nothing is ever written to the file; without this SQLite would make a journal beside it.
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (sqliteCode(error).startsWith('SQLITE_BUSY')) throw inUse(dataDir, holderFile);
    throw error;
  }
  try {
    writeFileSync(holderFile, `${process.pid}\n`);
  } catch (error) {
    // It only helps whoever tries to start a second server: a full disk is no reason not to start this one.
    if (!isDiskFull(error)) {
      db.close();
      throw error;
    }
  }
  return () => db.close();
}

function inUse(dataDir: string, holderFile: string): DomainError {
  let pid = 'unknown';
  try {
    pid = readFileSync(holderFile, 'utf8').trim();
  } catch {
    // The holder has not written it yet; the lock alone decides.
  }
  return new DomainError(
    'precondition',
    'DATA_DIR_IN_USE',
    `another server (pid ${pid}) uses ${dataDir}: stop it, or give this one a directory of its own with --data-dir`,
    { metadata: { pid } },
  );
}

import path from 'node:path';
import Database from 'better-sqlite3';
import { openForWriting } from '../../src/store/sqlite/schema.js';

/** A database of a peer, with the pragmas of ours, so that a commit costs both the same. */
export function openDatabase(folder: string): Database.Database {
  return openForWriting(path.join(folder, 'peer.db'));
}

import type { Database } from 'better-sqlite3';
import { type PlainDomainError, isDomainError, toPlainError } from '../../domain/errors.js';
import type { Change, ResultOf } from '../store.js';
import { Appender } from './append.js';
import { createChains } from './chains.js';
import { type DiskSpace, freesSpace } from './disk-space.js';
import { CursorTable } from './cursor-table.js';
import { FileTables } from './file-tables.js';
import { ProducerTable } from './producer-table.js';
import { SegmentTable } from './segment-table.js';
import { diskFull, recoverableWriteError } from './sqlite-errors.js';
import { StoredEvents } from './stored-events.js';
import { TopicChanges } from './topic-changes.js';
import { TopicTable } from './topic-table.js';
import { UserTable } from './user-table.js';

export interface Unit {
  readonly changes: readonly Change[];
  /** Units of one chain commit as a prefix of it; undefined: not part of any. */
  readonly chain?: number;
}

/** What became of one unit. */
export type Outcome = { readonly results: readonly ResultOf<Change>[] } | { readonly error: PlainDomainError };

export interface CommitReport {
  /** One for each unit, in order. */
  readonly outcomes: readonly Outcome[];
  /** Topics that have new events. */
  readonly grown: readonly string[];
}

/**
 * Group commit: many units in one transaction, each in a savepoint of its own, so that each succeeds or fails alone and
 * one fsync serves all. Returns when the transaction is on disk.
 * Throws what leaves the outcome unknown (an I/O error); the process must end then.
 */
export function createTransactions(db: Database, space?: DiskSpace) {
  const segments = new SegmentTable(db);
  const topics = new TopicTable(db, segments);
  const stored = new StoredEvents(segments);
  const producers = new ProducerTable(db);
  const appender = new Appender(db, topics, stored, producers);
  const users = new UserTable(db, appender);
  const files = new FileTables(db, appender);
  const cursors = new CursorTable(db, topics);
  const changes = new TopicChanges(db, topics);
  const chains = createChains();
  const [begin, commit, rollback] = ['BEGIN IMMEDIATE', 'COMMIT', 'ROLLBACK'].map((sql) => db.prepare(sql));
  const [savepoint, release, undo] = ['SAVEPOINT unit', 'RELEASE unit', 'ROLLBACK TO unit'].map((sql) =>
    db.prepare(sql),
  );

  function apply(change: Change, nowMs: number): ResultOf<Change> {
    switch (change.kind) {
      case 'append-events':
        return appender.append(change, nowMs);
      case 'put-user':
        return users.put(change, nowMs);
      case 'remove-user':
        return users.remove(change, nowMs);
      case 'commit-cursor':
        return cursors.commit(change, nowMs);
      case 'set-retention':
        return changes.setRetention(change, nowMs);
      case 'trim-topic':
        return changes.trim(change);
      case 'delete-topic':
        return changes.delete(change);
      case 'start-upload':
        return files.start(change, nowMs);
      case 'advance-upload':
        return files.advance(change);
      case 'complete-upload':
        return files.complete(change, nowMs);
      case 'remove-upload':
        return files.removeUpload(change);
      case 'remove-blob':
        return files.removeBlob(change, nowMs);
    }
  }

  function runUnit(unit: Unit, nowMs: number): Outcome {
    savepoint?.run();
    try {
      const results = unit.changes.map((change) => apply(change, nowMs));
      topics.commitUnit();
      return { results };
    } catch (error) {
      if (!isDomainError(error)) throw error;
      undo?.run();
      topics.rollbackUnit();
      return { error: toPlainError(error) };
    } finally {
      if (db.inTransaction) release?.run();
    }
  }

  /** Runs `work` in one transaction, on disk when it returns; takes everything back if it throws. */
  function transact<T>(work: () => T): T {
    stored.reset();
    begin?.run();
    try {
      const value = work();
      commit?.run();
      return value;
    } catch (error) {
      if (db.inTransaction) rollback?.run();
      topics.reset();
      throw error;
    }
  }

  /** After the disk was found full: whether what frees space may succeed in a second try, without the other units. */
  function makesRoom(units: readonly Unit[], isRoomy: boolean): boolean {
    space?.foundFull();
    const freeing = units.filter(freesSpace);
    if (!freeing.some(({ changes }) => changes.length > 0)) return false;
    return (isRoomy && freeing.length < units.length) || (space?.release() ?? false);
  }

  function commitUnits(units: readonly Unit[]): CommitReport {
    try {
      const frees = units.every(freesSpace);
      return tryToCommit(units, frees || !space || space.admits(units));
    } finally {
      chains.next();
    }
  }

  /** @param isRoomy false: units that do not free space are refused */
  function tryToCommit(units: readonly Unit[], isRoomy: boolean): CommitReport {
    const refused = { error: toPlainError(diskFull()) };
    try {
      return transact(() => {
        const nowMs = Date.now();
        const run = (unit: Unit) => (isRoomy || freesSpace(unit) ? runUnit(unit, nowMs) : refused);
        return { outcomes: chains.run(units, run), grown: topics.flush() };
      });
    } catch (error) {
      const recoverable = recoverableWriteError(error, db.name);
      if (!recoverable) throw error;
      if (recoverable.reason === 'DISK_FULL' && makesRoom(units, isRoomy)) return tryToCommit(units, false);
      const outcome = { error: toPlainError(recoverable) };
      // A barrier succeeds: what was before it has come to its end.
      const outcomeOf = ({ changes }: Unit) => (changes.length === 0 ? { results: [] } : outcome);
      return { outcomes: chains.run(units, outcomeOf), grown: [] };
    }
  }

  return { commitUnits, transact, segments, topics };
}

export type Transactions = ReturnType<typeof createTransactions>;

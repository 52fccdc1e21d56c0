import type { Database } from 'better-sqlite3';
import { nextInRun } from '../encoding/event-run.js';
import { readCommitTime } from '../encoding/event-record.js';
import { WireReader } from '../encoding/wire.js';
import type { FileLookups } from '../files.js';
import type { CursorInfo, ProducerInfo, Store, StoredUser, TopicInfo } from '../store.js';
import { createFileReader } from './file-reader.js';
import { createPageReader } from './page-reader.js';
import { ProducerTable } from './producer-table.js';
import { type SegmentRow, SegmentTable } from './segment-table.js';
import { readError, storeClosed } from './sqlite-errors.js';
import { toTopicInfo, toTopicState } from './topic-table.js';

interface UserRow {
  user_id: string;
  revision: number;
  create_digest: Buffer;
  record: Buffer;
}

/** Makes a look-up what the port promises. */
export type ReadAs = <A extends unknown[], R>(get: (...args: A) => R) => (...args: A) => Promise<R>;

type ReadMethods =
  | 'topic'
  | 'listTopics'
  | 'cursor'
  | 'listCursors'
  | 'producer'
  | 'offsetAtTime'
  | 'commitTime'
  | 'readPage'
  | 'user'
  | 'userByEmail'
  | 'listUsers'
  | keyof FileLookups;

/** The reading half of the store, on a connection of its own that cannot write. */
export function createReader(db: Database): Pick<Store, ReadMethods> {
  const segments = new SegmentTable(db);
  const producers = new ProducerTable(db);
  const pages = createPageReader(db, segments);
  const selectTopic = db.prepare<[string], Parameters<typeof toTopicState>[0]>(
    'SELECT * FROM topics WHERE name = ? AND NOT deleted',
  );
  const selectTopics = db.prepare<[string, string, string, number], Parameters<typeof toTopicState>[0]>(
    `SELECT * FROM topics WHERE name > ? AND name >= ? AND name < ? AND NOT deleted ORDER BY name LIMIT ?`,
  );
  const cursorColumns = 'cursor, event_offset AS "offset", commit_time AS commitTimeMs';
  const selectCursor = db.prepare<[number, string], CursorInfo>(
    `SELECT ${cursorColumns} FROM cursors WHERE topic_id = ? AND cursor = ?`,
  );
  const selectCursors = db.prepare<[number], CursorInfo>(
    `SELECT ${cursorColumns} FROM cursors WHERE topic_id = ? ORDER BY cursor`,
  );
  const userColumns = 'user_id, revision, create_digest, record';
  const selectUser = db.prepare<[string], UserRow>(`SELECT ${userColumns} FROM users WHERE user_id = ?`);
  const selectUserByEmail = db.prepare<[string], UserRow>(`SELECT ${userColumns} FROM users WHERE email_key = ?`);
  const selectUsers = db.prepare<[string, number], UserRow>(
    `SELECT ${userColumns} FROM users WHERE user_id > ? ORDER BY user_id LIMIT ?`,
  );

  const offsetAtTime = db.transaction((topic: string, timeMs: number): number => {
    const bounds = pages.bounds(topic);
    if (!bounds) return 1;
    const { topic_id: id, first_offset: first, head_offset: head } = bounds;
    let [low, high] = [first, head + 1];
    let found: SegmentRow | undefined;
    // Times never decrease, so the first segment that ends at or after the time is found by halving.
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const segment = segments.find({ id, name: topic }, middle);
      if (!segment) break;
      if (segment.last_time < timeMs) {
        low = segment.last_offset + 1;
      } else {
        found = segment;
        high = Math.min(middle, segment.last_offset - segment.count + 1);
      }
    }
    return found
      ? Math.max(first, offsetInSegment(segments.records({ id, name: topic }, found), found, timeMs))
      : head + 1;
  });

  /** A read as the port wants it: asynchronous, with errors of the store's family. */
  const read: ReadAs = (get) => {
    return async (...args) => {
      if (!db.open) throw storeClosed();
      try {
        return get(...args);
      } catch (error) {
        throw readError(error);
      }
    };
  };

  return {
    topic: read((name) => {
      const row = selectTopic.get(name);
      return row && toTopicInfo(toTopicState(row));
    }),
    listTopics: read(({ prefix, after, limit }): TopicInfo[] =>
      // Names are ASCII, so everything that begins with the prefix sorts before prefix + U+FFFF.
      selectTopics.all(after, prefix, `${prefix}\uffff`, limit).map((row) => toTopicInfo(toTopicState(row))),
    ),
    cursor: read((topic, name) => {
      const bounds = pages.bounds(topic);
      return bounds && selectCursor.get(bounds.topic_id, name);
    }),
    listCursors: read((topic) => {
      const bounds = pages.bounds(topic);
      return bounds ? selectCursors.all(bounds.topic_id) : [];
    }),
    producer: read((topic, producerId): ProducerInfo | undefined => {
      const bounds = pages.bounds(topic);
      if (!bounds) return undefined;
      const { topic_id: id, first_offset: firstOffset, producers_after: producersAfter } = bounds;
      const row = producers.find({ id, firstOffset, producersAfter }, producerId);
      return row && { lastSequence: row.last_sequence, lastOffset: row.last_offset };
    }),
    offsetAtTime: read(offsetAtTime),
    commitTime: read((topic, offset) => pages.commitTime(topic, offset)),
    readPage: read((topic, after, options = {}) => pages.readPage(topic, after, options)),
    user: read((userId) => optional(selectUser.get(userId))),
    userByEmail: read((emailKey) => optional(selectUserByEmail.get(emailKey))),
    listUsers: read(({ after, limit }) => selectUsers.all(after, limit).map(toStoredUser)),
    ...createFileReader(db, read),
  };
}

function toStoredUser(row: UserRow): StoredUser {
  return { userId: row.user_id, record: row.record, revision: row.revision, createDigest: row.create_digest };
}

function optional(row: UserRow | undefined): StoredUser | undefined {
  return row && toStoredUser(row);
}

function offsetInSegment(records: Uint8Array, segment: SegmentRow, timeMs: number): number {
  const reader = new WireReader(records);
  let offset = segment.last_offset - segment.count + 1;
  while (reader.pos < records.length) {
    const end = nextInRun(reader);
    if (readCommitTime(reader) >= timeMs) break;
    reader.pos = end;
    offset++;
  }
  return offset;
}

import type { Database } from 'better-sqlite3';
import { type Event, EventRecord } from '../../gen/leat/v1/event.js';
import { timestampFromMs } from '../../src/domain/timestamps.js';

interface Row {
  readonly event_offset: number;
  readonly commit_time: number;
  readonly type: string;
  readonly data: Buffer;
}

/** One event a row. Without ids, so a writer that retries stores twice; an index for them would cost more. */
export function createPlainTable(db: Database) {
  db.exec(`CREATE TABLE IF NOT EXISTS events (
    event_offset INTEGER PRIMARY KEY,
    commit_time INTEGER NOT NULL,
    type TEXT NOT NULL,
    data BLOB NOT NULL
  )`);
  const insert = db.prepare<[number, string, Uint8Array]>(
    'INSERT INTO events (commit_time, type, data) VALUES (?, ?, ?)',
  );
  const select = db.prepare<[number], Row>('SELECT * FROM events WHERE event_offset > ? ORDER BY event_offset');

  return {
    insert({ type, payload }: Event): void {
      insert.run(Date.now(), type, payload?.$case === 'data' ? payload.value : new Uint8Array());
    },
    *after(offset: number): Generator<EventRecord> {
      for (const row of select.iterate(offset)) yield toRecord(row);
    },
  };
}

function toRecord({ event_offset, commit_time, type, data }: Row): EventRecord {
  return EventRecord.fromPartial({
    offset: BigInt(event_offset),
    commitTime: timestampFromMs(commit_time),
    event: { type, payload: { $case: 'data', value: data } },
  });
}

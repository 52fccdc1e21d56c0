import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from '@jest/globals';
import { Event } from '../../gen/leat/v1/event.js';
import { compileFilter } from '../../src/domain/events/compile-filter.js';
import { encodeEventRun } from '../../src/store/encoding/event-run.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { makeTempDir } from '../support/temp-dir.js';

const run = encodeEventRun(Array.from({ length: 5 }, () => Event.encode(Event.fromPartial({ type: 'a' })).finish()));

/** A topic of three segments, offsets 1 to 15, in which `sql` was run. */
async function withDamage(dataDir: string, sql: string) {
  const store = await openSqliteStore({ dataDir });
  for (let i = 0; i < 3; i++) await store.write([{ kind: 'append-events', topic: 't', author: '', events: run }]);
  await store.close();
  const db = new Database(path.join(dataDir, 'leat.db'));
  db.exec(sql);
  db.close();
  return openSqliteStore({ dataDir });
}

describe('stored events that were damaged', () => {
  it.each([
    ['count of a segment', 'UPDATE segments SET count = 7 WHERE position & 0xff = 10', 10],
    ['types of a segment', `UPDATE segments SET types = '["b"]' WHERE position & 0xff = 10`, 10],
    ['times of a segment', 'UPDATE segments SET last_time = 0 WHERE position & 0xff = 10', 10],
    ['place of a segment', 'UPDATE segments SET position = position + 1 WHERE position & 0xff = 10', 11],
    ['segment in the middle', 'DELETE FROM segments WHERE position & 0xff = 10', 10],
    ['last segment', 'DELETE FROM segments WHERE position & 0xff = 15', 15],
  ])('are never passed over: the %s', async (_what, sql, last) => {
    await using dir = await makeTempDir();
    const store = await withDamage(dir.path, sql);
    const matcher = compileFilter({ types: ['a'], subjects: [], attributes: new Map() });
    for (const options of [{}, { matcher }]) {
      const before = await store.readPage('t', 0, options);
      expect(before).toMatchObject({ count: last === 15 ? 10 : 5, scannedTo: last === 15 ? 10 : 5 });
      await expect(store.readPage('t', before.scannedTo, options)).rejects.toMatchObject({
        kind: 'data-loss',
        reason: 'CHECKSUM_MISMATCH',
        options: { metadata: { topic: 't', last_offset: `${last}` } },
      });
    }
    await store.close();
  });
});

describe('the epoch', () => {
  it('stays until a restore is told of', async () => {
    await using dir = await makeTempDir();
    const epochs: string[] = [];
    for (const newEpoch of [false, false, true, false]) {
      const store = await openSqliteStore({ dataDir: dir.path, newEpoch });
      epochs.push(store.epoch);
      await store.close();
    }
    const [first, same, next, kept] = epochs;
    expect(same).toBe(first);
    expect(next).not.toBe(first);
    expect(kept).toBe(next);
  });
});

import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Event } from '../../gen/leat/v1/event.js';
import { encodeEventRun } from '../../src/store/encoding/event-run.js';
import { migrate, openForWriting } from '../../src/store/sqlite/schema.js';
import { createTransactions } from '../../src/store/sqlite/transactions.js';
import { makeTempDir } from '../support/temp-dir.js';

describe('a transaction that does not fit on the disk', () => {
  it('fails its writes and lets its barriers succeed', async () => {
    await using dir = await makeTempDir();
    const db = openForWriting(path.join(dir.path, 'leat.db'));
    migrate(db);
    db.pragma(`max_page_count = ${String(db.pragma('page_count', { simple: true }))}`);
    const payload = { $case: 'data' as const, value: Buffer.alloc(100_000) };
    const events = encodeEventRun([Event.encode(Event.fromPartial({ type: 'a', payload })).finish()]);
    const append = { changes: [{ kind: 'append-events' as const, topic: 'a', author: '', events }] };
    const { outcomes } = createTransactions(db).commitUnits([append, { changes: [] }]);
    db.close();
    expect(outcomes).toMatchObject([{ error: { reason: 'DISK_FULL' } }, { results: [] }]);
  });
});

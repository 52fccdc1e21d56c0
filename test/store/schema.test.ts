import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openForWriting } from '../../src/store/sqlite/schema.js';
import { makeTempDir } from '../support/temp-dir.js';

describe('a connection that writes', () => {
  // What the loss of power takes cannot be tested here; `kill -9` loses nothing that was handed to the system.
  it('syncs every commit, in pages that hold a segment', async () => {
    await using dir = await makeTempDir();
    const db = openForWriting(path.join(dir.path, 'leat.db'));
    const told = ['synchronous', 'journal_mode', 'page_size'].map((name) => db.pragma(name, { simple: true }));
    expect(told).toEqual([2, 'wal', 16_384]);
    db.close();
  });
});

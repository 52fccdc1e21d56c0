import { statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createDiskSpace } from '../../src/store/sqlite/disk-space.js';
import { openForWriting } from '../../src/store/sqlite/schema.js';
import type { Unit } from '../../src/store/sqlite/transactions.js';
import { makeTempDir } from '../support/temp-dir.js';

const MIB = 1024 * 1024;
const RESERVE_BYTES = 2 * MIB;

/** A unit that writes `size` bytes. */
function unitOf(size: number): Unit {
  const events = { bytes: new Uint8Array(size), count: 1, format: 1 };
  return { changes: [{ kind: 'append-events', topic: 'a', author: '', events }] } as unknown as Unit;
}

/** A database of 1 MiB on a disk that has room for it, a whole reserve, and `disk.spareBytes`. */
function openOnSmallDisk(dir: string) {
  const db = openForWriting(path.join(dir, 'leat.db'), { reserveBytes: RESERVE_BYTES });
  db.exec('CREATE TABLE filled (id INTEGER PRIMARY KEY, data BLOB)');
  const insert = db.prepare('INSERT INTO filled (data) VALUES (zeroblob(20000))');
  for (let count = 0; count < 50; count++) insert.run();
  db.pragma('wal_checkpoint(TRUNCATE)');
  const sizeOf = (suffix: string) => statSync(db.name + suffix, { throwIfNoEntry: false })?.size ?? 0;
  const filled = sizeOf('');
  const disk = { spareBytes: 0 };
  const space = createDiskSpace(db, {
    bytes: RESERVE_BYTES,
    missing: 0,
    grow: () => undefined,
    release: () => undefined,
    free: () => filled + disk.spareBytes - sizeOf('') - sizeOf('-wal'),
  });
  return { db, disk, space };
}

describe('a small disk', () => {
  it('keeps admitting the same write while the WAL grows and is written back', async () => {
    await using dir = await makeTempDir();
    const { db, disk, space } = openOnSmallDisk(dir.path);
    const units = [unitOf(100_000)];
    while (!space.admits(units)) disk.spareBytes += 100_000;
    const update = db.prepare('UPDATE filled SET data = randomblob(20000) WHERE id = ?');
    const admitted = new Set<boolean>();
    // The WAL grows to its limit of 1 MiB, is written back, and grows again.
    for (let count = 0; count < 200; count++) {
      update.run((count % 50) + 1);
      admitted.add(space.admits(units));
    }
    db.close();
    expect(admitted).toEqual(new Set([true]));
  });
});

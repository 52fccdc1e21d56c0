import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { encodeEventRun } from '../../src/store/encoding/event-run.js';
import { createFileCleanup } from '../../src/domain/file-cleanup.js';
import { silentLog } from '../../src/domain/log.js';
import { repairFiles } from '../../src/domain/repair-files.js';
import { openFileByteStore } from '../../src/store/bytes/index.js';
import { openTemporaryStore } from '../support/temporary-store.js';

const start = (uploadId: string) =>
  ({
    kind: 'start-upload',
    uploadId,
    expectedEpoch: 0,
    author: '',
    fileId: `file-of-${uploadId}`,
    record: Buffer.alloc(0),
    expireTimeMs: 0,
    maxOpen: 10,
  }) as const;

describe('after a crash', () => {
  it('files that belong to nothing are removed, and uploads cut off where they are durable', async () => {
    await using opened = await openTemporaryStore();
    const { store, dataDir } = opened;
    const bytes = await openFileByteStore({ dataDir });
    const advance = { kind: 'advance-upload', epoch: 1, expireTimeMs: 0 } as const;
    const announced = { topic: 'sys/blobs', author: '', event: encodeEventRun([]) };
    const made = { size: 50, record: Buffer.alloc(0), checksums: Buffer.alloc(0), ...announced };
    await store.write([start('begun'), start('half'), { ...advance, uploadId: 'half', committedSize: 60 }]);
    await store.write([start('whole'), { kind: 'complete-upload', uploadId: 'whole', epoch: 1, ...made }]);
    const folder = path.join(dataDir, 'files');
    const sizes = { 'file-of-begun': 10, 'file-of-half': 100, 'file-of-whole': 50, orphan: 7 };
    for (const [name, size] of Object.entries(sizes)) writeFileSync(path.join(folder, name), Buffer.alloc(size));
    mkdirSync(path.join(folder, 'lost+found'));
    await repairFiles({ store, bytes, cleanup: createFileCleanup({ bytes, log: silentLog }), log: silentLog });
    const left = readdirSync(folder)
      .filter((name) => name !== 'lost+found')
      .map((name) => [name, statSync(path.join(folder, name)).size]);
    expect(Object.fromEntries(left)).toEqual({ 'file-of-begun': 0, 'file-of-half': 60, 'file-of-whole': 50 });
    await bytes.close();
  });

  it('files beside a database that was never served are left alone, for it is not theirs', async () => {
    await using opened = await openTemporaryStore();
    const { store, dataDir } = opened;
    const bytes = await openFileByteStore({ dataDir });
    const file = path.join(dataDir, 'files', 'precious');
    writeFileSync(file, Buffer.alloc(7));
    await expect(
      repairFiles({ store, bytes, cleanup: createFileCleanup({ bytes, log: silentLog }), log: silentLog }),
    ).rejects.toMatchObject({ reason: 'STORE_MISSING' });
    expect(statSync(file).size).toBe(7);
    await bytes.close();
  });
});

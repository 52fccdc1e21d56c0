import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';

/** The default of 16 MiB would be written by every test. */
export const TEST_RESERVE_BYTES = 1024 * 1024;

export interface TemporaryStore {
  readonly store: Store;
  readonly dataDir: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A real store in a directory of its own, which goes with it. */
export async function openTemporaryStore(): Promise<TemporaryStore> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'leat-test-'));
  const store = await openSqliteStore({ dataDir, diskReserveBytes: TEST_RESERVE_BYTES });
  return {
    store,
    dataDir,
    async [Symbol.asyncDispose]() {
      await store.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import { storeSuite } from './index.js';

storeSuite('the embedded store', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'leat-store-'));
  const opened: Store[] = [];
  async function open(): Promise<Store> {
    // The safety poll is so rare that wake-ups have to come by themselves.
    const store = await openSqliteStore({ dataDir, housekeepingMs: 20, safetyPollMs: 3_600_000 });
    opened.push(store);
    return store;
  }
  return {
    store: await open(),
    reopen: open,
    async dispose() {
      for (const store of opened) await store.close();
      await rm(dataDir, { recursive: true });
    },
  };
});

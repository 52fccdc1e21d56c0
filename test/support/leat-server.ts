import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from 'nice-grpc';
import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import { loadConfig } from '../../src/config.js';
import { leatServices } from '../../src/server/services.js';
import { type SqliteStoreOptions, openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import { type TestServer, startTestServer } from './test-server.js';

export interface LeatServer extends TestServer {
  readonly store: Store;
  readonly events: Client<typeof EventServiceDefinition>;
  readonly users: Client<typeof UserServiceDefinition>;
  readonly chat: Client<typeof ChatServiceDefinition>;
}

/** All services over the embedded store, in a directory of their own. */
export async function startLeat(
  flags: Readonly<Record<string, unknown>> = {},
  storeOptions: Partial<SqliteStoreOptions> = {},
): Promise<LeatServer> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'leat-'));
  const store = await openSqliteStore({ dataDir, ...storeOptions });
  const test = await startTestServer(leatServices({ config: loadConfig({ flags }), store }), flags);
  return {
    ...test,
    store,
    events: test.client(EventServiceDefinition),
    users: test.client(UserServiceDefinition),
    chat: test.client(ChatServiceDefinition),
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]();
      await store.close();
      rmSync(dataDir, { recursive: true });
    },
  };
}

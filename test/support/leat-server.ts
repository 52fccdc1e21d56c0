import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from 'nice-grpc';
import { BlobServiceDefinition } from '../../gen/leat/v1/blob_service.js';
import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { UploadServiceDefinition } from '../../gen/leat/v1/upload_service.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import { loadConfig } from '../../src/config.js';
import { type Files, openFiles } from '../../src/server/files.js';
import { leatServices } from '../../src/server/services.js';
import { type SqliteStoreOptions, openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import { TEST_RESERVE_BYTES } from './temporary-store.js';
import { type TestServer, startTestServer } from './test-server.js';

export interface LeatServer extends TestServer {
  readonly store: Store;
  readonly files: Files;
  readonly dataDir: string;
  readonly uploads: Client<typeof UploadServiceDefinition>;
  readonly blobs: Client<typeof BlobServiceDefinition>;
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
  const store = await openSqliteStore({ dataDir, diskReserveBytes: TEST_RESERVE_BYTES, ...storeOptions });
  const config = loadConfig({ flags });
  const files = await openFiles({ config, store, dataDir });
  const test = await startTestServer(leatServices({ config, store, files }), flags);
  return {
    ...test,
    store,
    files,
    dataDir,
    uploads: test.client(UploadServiceDefinition),
    blobs: test.client(BlobServiceDefinition),
    events: test.client(EventServiceDefinition),
    users: test.client(UserServiceDefinition),
    chat: test.client(ChatServiceDefinition),
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]();
      await files.close();
      await store.close();
      rmSync(dataDir, { recursive: true });
    },
  };
}

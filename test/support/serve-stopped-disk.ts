import { pino } from 'pino';
import { loadConfig } from '../../src/config.js';
import { ensureSystemTopics } from '../../src/domain/topics/system-topics.js';
import { openFiles } from '../../src/server/files.js';
import { createLeatServer } from '../../src/server/leat-server.js';
import { leatServices } from '../../src/server/services.js';
import { openFileByteStore } from '../../src/store/bytes/index.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';

/** As serve-child.js, but with a disk that never answers when a file is written. Ends when it is killed. */
const flags = JSON.parse(process.argv[2] ?? '{}') as Record<string, unknown>;
const config = loadConfig({ flags });
const { dataDir } = config;
const log = pino({ base: undefined });
const store = await openSqliteStore({ dataDir });
await ensureSystemTopics(store, { maxAgeMs: config.sysMaxAge });

async function openStopped(options: Parameters<typeof openFileByteStore>[0]) {
  const bytes = await openFileByteStore(options);
  const never = () => new Promise<never>(() => undefined);
  return {
    ...bytes,
    openWriter: async (fileId: string, size: number) => ({
      ...(await bytes.openWriter(fileId, size)),
      // Holds what it was given, as a disk that hangs would.
      write: (pieces: readonly Uint8Array[]) => never().finally(() => pieces),
    }),
  };
}

const files = await openFiles({ config, store, dataDir, openBytes: openStopped });
const server = createLeatServer({ config, log, services: leatServices({ config, store, files }) });
log.info(await server.start(), 'serving');

import { pino } from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { loadConfig } from '../../src/config.js';
import { ensureSystemTopics } from '../../src/domain/topics/system-topics.js';
import { openFiles } from '../../src/server/files.js';
import { createLeatServer } from '../../src/server/leat-server.js';
import { leatServices } from '../../src/server/services.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import { sampleRun } from '../load/events.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import { cpuSeconds } from '../processes/usage.js';

export interface LeatServerOptions {
  readonly dataDir: string;
  /** As of `leat serve`. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** The disk takes nothing from callers, as if it hung. Default: false. */
  readonly stopsWriting?: boolean;
}

/** The whole service as `leat serve` puts it together, its log written to /dev/null. */
async function startLeatServer({ dataDir, flags, stopsWriting = false }: LeatServerOptions) {
  const ports = { listen: '127.0.0.1:0', 'http-listen': '127.0.0.1:0' };
  const config = loadConfig({ flags: { 'data-dir': dataDir, ...ports, ...flags } });
  const log = pino({ level: config.logLevel, base: undefined }, pino.destination({ dest: '/dev/null', sync: true }));
  const store = await openSqliteStore({ dataDir });
  await ensureSystemTopics(store, { maxAgeMs: config.sysMaxAge });
  const served: Store = stopsWriting ? { ...store, write: () => new Promise(() => undefined) } : store;
  const files = await openFiles({ config, store: served, dataDir });
  const server = createLeatServer({ config, log, services: leatServices({ config, store: served, files }) });
  collectDefaultMetrics({ register: server.registry });
  const { grpcPort } = await server.start();
  return {
    port: () => grpcPort,
    cpuSeconds,
    residentBytes: () => process.memoryUsage.rss(),
    async fill({ topic, count, payloadBytes }: { topic: string; count: number; payloadBytes: number }) {
      const events = sampleRun(1, payloadBytes);
      const append = () => store.write([{ kind: 'append-events', topic, author: '', events }]);
      await Promise.all(Array.from({ length: count }, append));
    },
  };
}

export type LeatServerRole = Awaited<ReturnType<typeof startLeatServer>>;

playRole(await startLeatServer(roleOptions()));

import { pino } from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { loadConfig } from '../../src/config.js';
import { ensureSystemTopics } from '../../src/domain/topics/system-topics.js';
import { createLeatServer } from '../../src/server/leat-server.js';
import { leatServices } from '../../src/server/services.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import { cpuSeconds } from '../processes/usage.js';

export interface LeatServerOptions {
  readonly dataDir: string;
  /** As of `leat serve`. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

/** The whole service as `leat serve` puts it together, its log written to /dev/null. */
async function startLeatServer({ dataDir, flags }: LeatServerOptions) {
  const ports = { listen: '127.0.0.1:0', 'http-listen': '127.0.0.1:0' };
  const config = loadConfig({ flags: { 'data-dir': dataDir, ...ports, ...flags } });
  const log = pino({ level: config.logLevel, base: undefined }, pino.destination({ dest: '/dev/null', sync: true }));
  const store = await openSqliteStore({ dataDir });
  await ensureSystemTopics(store, { maxAgeMs: config.sysMaxAge });
  const server = createLeatServer({ config, log, services: leatServices({ config, store }) });
  collectDefaultMetrics({ register: server.registry });
  const { grpcPort } = await server.start();
  return {
    port: () => grpcPort,
    cpuSeconds,
    residentBytes: () => process.memoryUsage.rss(),
    headOf: async (topic: string) => (await store.topic(topic))?.headOffset ?? 0,
  };
}

export type LeatServerRole = Awaited<ReturnType<typeof startLeatServer>>;

playRole(await startLeatServer(roleOptions()));

import { type ServiceImplementation, createServer } from 'nice-grpc';
import { sampleEvent } from '../load/events.js';
import { openDatabase } from '../peers/open-database.js';
import { PlainEventsDefinition } from '../peers/plain-definition.js';
import { createPlainTable } from '../peers/plain-table.js';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface NaiveServerOptions {
  readonly dataDir: string;
  /** Where it stops being naive, so that the machine survives. */
  readonly maxGrowthBytes: number;
}

/** Bytes between looks at the memory; asking the system for it costs more than an event. */
const LOOK_EVERY = 64;

/** What works in every demonstration: all that a reader asked for at once, all that a writer sends at once. */
async function startNaiveServer({ dataDir, maxGrowthBytes }: NaiveServerOptions) {
  const table = createPlainTable(openDatabase(dataDir));
  const before = process.memoryUsage.rss();
  let events = 0;
  let isFull = false;

  const hasGrownTooMuch = () => {
    if (++events % LOOK_EVERY === 0) isFull ||= process.memoryUsage.rss() - before > maxGrowthBytes;
    return isFull;
  };
  /** The disk does not answer. */
  const save = () => new Promise<void>(() => undefined);

  const handlers: Pick<ServiceImplementation<typeof PlainEventsDefinition>, 'list' | 'publish'> = {
    async *list({ start }) {
      const records = [];
      const offset = start?.position?.$case === 'afterOffset' ? Number(start.position.value) : 0;
      for (const record of table.after(offset)) {
        if (hasGrownTooMuch()) break;
        records.push(record);
      }
      yield* records;
    },
    async publish(requests) {
      const saving = [];
      for await (const event of requests) {
        if (hasGrownTooMuch()) break;
        saving.push({ event, saved: save() });
      }
      await Promise.all(saving.map(({ saved }) => saved));
      return { accepted: BigInt(saving.length) };
    },
  };

  const server = createServer({ 'grpc.max_concurrent_streams': 10_000 });
  const { list, publish } = PlainEventsDefinition.methods;
  server.add({ ...PlainEventsDefinition, methods: { list, publish } }, handlers);
  const port = await server.listen('127.0.0.1:0');
  return {
    port: () => port,
    residentBytes: () => process.memoryUsage.rss(),
    fill: ({ count, payloadBytes }: { count: number; payloadBytes: number }) => {
      for (let index = 0; index < count; index++) table.insert(sampleEvent(index, payloadBytes));
    },
  };
}

export type NaiveServerRole = Awaited<ReturnType<typeof startNaiveServer>>;

playRole(await startNaiveServer(roleOptions()));

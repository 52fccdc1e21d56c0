import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { ListEventsRequest } from '../../gen/leat/v1/event_service.js';
import { createBatchFrames, encodedEvents, frame, sampleRun } from '../load/events.js';
import { rawConnection } from '../load/raw-call.js';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface StopperOptions {
  readonly port: number;
}

export interface ReadersOrder {
  readonly path: string;
  readonly topic: string;
  readonly count: number;
  /** Events of the topic, among which the readers begin. */
  readonly events: number;
}

export interface WritersOrder {
  readonly path: string;
  readonly shape: 'batches' | 'events';
  readonly topic: string;
  readonly count: number;
  readonly bytesEach: number;
  readonly payloadBytes: number;
}

const CONNECTIONS = 10;
/** So many come at a time, or garbage that nobody had time to collect would be counted. */
const WAVE = 20;
/** What a client of grpc-js lets a server send ahead of what it reads. */
const WINDOW = 65_535;
const BATCH = 16;

const { port } = roleOptions<StopperOptions>();
const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => rawConnection(port, WINDOW)));

function openStream(index: number, path: string) {
  const connection = connections[index % CONNECTIONS];
  if (!connection) throw new Error('there is no connection');
  const { stream } = connection.call(path);
  stream.on('error', () => undefined); // Cut at the end.
  return stream;
}

const commands = {
  /** Readers who begin at different offsets and read nothing. */
  async openReaders({ path, topic, count, events }: ReadersOrder): Promise<void> {
    for (let first = 0; first < count; first += WAVE) {
      const wave = Array.from({ length: Math.min(WAVE, count - first) }, async (_, at) => {
        const stream = openStream(first + at, path);
        const afterOffset = BigInt(Math.floor(((first + at) * events) / count));
        const start = { position: { $case: 'afterOffset', value: afterOffset } } as const;
        const request = ListEventsRequest.fromPartial({ topic, follow: true, start });
        stream.end(frame(ListEventsRequest.encode(request).finish()));
        await once(stream, 'readable');
      });
      await Promise.all(wave);
    }
  },

  /** Writers who send as much as they may, up to `bytesEach`, wherever in a message that is, and never half-close. */
  async openWriters({ path, shape, topic, count, bytesEach, payloadBytes }: WritersOrder): Promise<void> {
    const events = Buffer.concat(encodedEvents(BATCH, payloadBytes).map((event) => frame(event)));
    for (let index = 0; index < count; index++) {
      const stream = openStream(index, path);
      const batches = createBatchFrames(topic, `writer-${index}`, sampleRun(BATCH, payloadBytes));
      // A chunk more when the one before is gone: what is held back is held back here as little as there.
      const write = () => {
        if (sent >= bytesEach) return;
        const whole = shape === 'batches' ? batches() : events;
        const chunk = whole.subarray(0, bytesEach - sent);
        sent += chunk.length;
        stream.write(chunk, () => setImmediate(write));
      };
      let sent = 0;
      write();
      if (index % WAVE === WAVE - 1) await pause(5);
    }
  },
};

export type StopperRole = typeof commands;

playRole(commands);

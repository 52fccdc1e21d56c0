import { playRole, roleOptions } from '../processes/play-role.js';
import { timed } from '../processes/usage.js';
import { createBatchFrames, encodedEvents, frame, sampleRun } from '../load/events.js';
import { countBytes, type ReplayOrder } from '../load/replay.js';
import { rawConnection, send } from '../load/raw-call.js';

export interface LoadOptions {
  readonly port: number;
}

export interface PublishOrder {
  readonly path: string;
  /** Batches for Leat, single events for others. */
  readonly shape: 'batches' | 'events';
  readonly seconds: number;
}

/** What was achieved, and how busy this process was with it. */
export interface Achieved {
  readonly perSecond: number;
  readonly cpu: number;
}

const EVENTS_A_WRITE = 256;

const { port } = roleOptions<LoadOptions>();
const connection = await rawConnection(port);
const batches = createBatchFrames('bench/publish', `bench-${process.pid}`, sampleRun(EVENTS_A_WRITE));
const events = Buffer.concat(encodedEvents(EVENTS_A_WRITE).map((event) => frame(event)));

const commands = {
  /** Sends until the time is over; counts only what the answer says is durable, and the time until then. */
  async publish({ path, shape, seconds }: PublishOrder): Promise<Achieved> {
    const next = shape === 'batches' ? batches : () => events;
    let sent = 0;
    const { seconds: took, cpu } = await timed(async () => {
      const until = performance.now() + seconds * 1000;
      const { stream, done } = connection.call(path);
      stream.resume();
      for (; performance.now() < until; sent += EVENTS_A_WRITE) await send(stream, next());
      stream.end();
      await done;
    });
    return { perSecond: sent / took, cpu };
  },

  /** Reads everything again and again until the time is over. */
  async replay({ seconds, events: perReplay, ...call }: ReplayOrder & { seconds: number }): Promise<Achieved> {
    let read = 0;
    const { seconds: took, cpu } = await timed(async () => {
      const until = performance.now() + seconds * 1000;
      do {
        await countBytes(connection, { ...call, events: perReplay });
        read += perReplay;
      } while (performance.now() < until);
    });
    return { perSecond: read / took, cpu };
  },

  /** Publishes exactly so many events, a multiple of 256, to `bench/publish`. */
  async fill(count: number): Promise<void> {
    const { stream, done } = connection.call('/leat.v1.EventService/PublishEvents');
    stream.resume();
    for (let sent = 0; sent < count; sent += EVENTS_A_WRITE) await send(stream, batches());
    stream.end();
    await done;
  },
};

export type LoadRole = typeof commands;

playRole(commands);

import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventServiceDefinition, PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import { inForm } from '../support/long-form.js';
import { connectRaw, frame, type RawCall, type RawConnection } from '../support/raw-http2.js';
import { until } from '../support/until.js';
import { fillBlob, fillTopic, type Rig, rpcs, type Rpc, startRig } from './leat-rig.js';

/** How often each way is tried at each stage of each rpc. The longer form: `LEAT_CANCEL_ROUNDS=50`. */
const ROUNDS = Number(process.env.LEAT_CANCEL_ROUNDS ?? inForm(1, 2));

/** How far a call has come when it is ended. */
interface Stage {
  readonly name: string;
  readonly fits: (rpc: Rpc) => boolean;
  /** The client does not read from the beginning. */
  readonly paused?: boolean;
  /** The request is complete: nothing more can be sent. */
  readonly closed?: boolean;
  reach(call: RawCall, rpc: Rpc): Promise<unknown>;
}

const write = ({ stream }: RawCall, bytes: Buffer) => new Promise((resolve) => stream.write(bytes, resolve));
const always = () => true;

const stages: readonly Stage[] = [
  { name: 'before the first message', fits: always, reach: async () => undefined },
  {
    name: 'in the middle of the first message',
    fits: always,
    reach: (call, { message }) => write(call, message.subarray(0, message.length - 1)),
  },
  { name: 'after the first message', fits: always, reach: (call, { message }) => write(call, message) },
  {
    name: 'in the middle of the stream',
    fits: ({ requestStream }) => requestStream,
    reach: (call, { message, next }) => write(call, Buffer.concat([message, next, next.subarray(0, 7)])),
  },
  {
    name: 'after half-close',
    fits: always,
    closed: true,
    reach: async ({ stream }, { message }) => void stream.end(message),
  },
  {
    name: 'while waiting at the head',
    fits: ({ responseStream }) => responseStream,
    closed: true,
    reach: async ({ stream }, { message }) => {
      stream.end(message);
      await once(stream, 'data');
    },
  },
  {
    name: 'while the client does not read',
    fits: ({ responseStream }) => responseStream,
    paused: true,
    closed: true,
    reach: async ({ stream }, { message }) => {
      stream.end(message);
      await once(stream, 'response');
    },
  },
];

interface Way {
  readonly name: string;
  readonly headers?: Record<string, string>;
  /** Sends something, so the request must still be open. */
  readonly sends?: boolean;
  end(call: RawCall, connection: RawConnection): unknown;
}

const ways: readonly Way[] = [
  { name: 'RST_STREAM 0', end: ({ stream }) => stream.close(0) },
  { name: 'RST_STREAM 2', end: ({ stream }) => stream.close(2) },
  { name: 'RST_STREAM 8, as clients abort', end: ({ stream }) => stream.close(8) },
  { name: 'a cut of the TCP connection', end: (_, connection) => connection.cut() },
  { name: 'the deadline', headers: { 'grpc-timeout': '20m' }, end: () => undefined },
  { name: 'a malformed message', sends: true, end: ({ stream }) => stream.end(frame(Buffer.from([0xff, 0xff]))) },
  { name: 'a truncated frame', sends: true, end: ({ stream }) => stream.end(Buffer.from([0, 0, 0, 1, 0, 7])) },
];

/** Handles and timers that keep the process alive, by kind, and how many files and sockets are open (Linux). */
function handles(): string {
  const open = existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
  return `${process.getActiveResourcesInfo().sort().join()} ${open}`;
}

async function startFilled(): Promise<Rig> {
  const rig = await startRig();
  // More than the windows of a connection hold, so that a client that does not read stalls.
  for (const topic of ['there', 'rooms/there']) {
    for (let unit = 0; unit < 8; unit++) await fillTopic(rig.store, topic, 16, 60_000);
  }
  await fillBlob(rig, 'there', 8 * 1024 * 1024);
  return rig;
}

async function cancel(rig: Rig, rpc: Rpc, stage: Stage, way: Way): Promise<void> {
  await using connection = await connectRaw(rig.test.grpcPort);
  const call = connection.call(rpc.path, { headers: way.headers, paused: stage.paused });
  // A deadline may come before the stage is reached, which is one more way to be ended.
  await Promise.race([stage.reach(call, rpc), call.ended]);
  await way.end(call, connection);
  await call.ended;
}

describe('an rpc', () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await startFilled();
  });

  afterAll(() => rig[Symbol.asyncDispose]());

  const each = rpcs.map((rpc) => [rpc.path, rpc] as const);
  it.each(each)('%s leaves nothing behind, at whatever stage and in whatever way it is ended', async (_, rpc) => {
    const before = handles();
    for (let round = 0; round < ROUNDS; round++) {
      for (const stage of stages.filter(({ fits }) => fits(rpc))) {
        for (const way of ways.filter(({ sends }) => !(sends && stage.closed))) await cancel(rig, rpc, stage, way);
      }
    }
    // Only when its connections are gone has the server seen all there was: a reset can overtake its call.
    await until(() => handles() === before);
    await rig.test.idle();
    expect(rig.waiting()).toBe(0);
  });
});

describe('a drain', () => {
  it('ends every rpc at every stage, and leaves nothing behind', async () => {
    const rig = await startFilled();
    await using connection = await connectRaw(rig.test.grpcPort);
    const calls: RawCall[] = [];
    for (const rpc of rpcs) {
      for (const stage of stages.filter(({ fits }) => fits(rpc))) {
        const call = connection.call(rpc.path, { paused: stage.paused, headers: { 'grpc-timeout': '2S' } });
        calls.push(call);
        await Promise.race([stage.reach(call, rpc), call.ended]);
      }
    }
    await rig.test.server.drain();
    // An end that came before anything that would have to be read is seen by who reads on.
    for (const { stream } of calls) stream.resume();
    await Promise.all(calls.map(({ ended }) => ended));
    expect(rig.test.server.calls.size).toBe(0);
    expect(rig.waiting()).toBe(0);
    await rig[Symbol.asyncDispose]();
  });
});

describe('a client that aborts', () => {
  it('ends what it reads and what it publishes', async () => {
    await using rig = await startFilled();
    const client = rig.test.client(EventServiceDefinition);
    const leaving = new AbortController();
    const { signal } = leaving;
    const pages = client.listEvents({ topic: 'there', follow: true }, { signal })[Symbol.asyncIterator]();
    await pages.next();
    const batches = async function* () {
      yield { topic: 'aborted', events: [{ type: 't' }] };
      await once(signal, 'abort');
    };
    const published = client.publishEvents(batches(), { signal });
    await until(async () => (await rig.store.topic('aborted'))?.headOffset === 1);
    leaving.abort();
    await expect(published).rejects.toMatchObject({ name: 'AbortError' });
    const rest = async () => {
      while (!(await pages.next()).done);
    };
    await expect(rest()).rejects.toMatchObject({ name: 'AbortError' });
    await rig.test.idle();
    expect(rig.waiting()).toBe(0);
  });
});

describe('PublishEvents, ended in the middle', () => {
  const BATCH = 5;
  let rig: Rig;

  beforeAll(async () => {
    rig = await startRig();
    // The store opens its files with the first write and read.
    await fillTopic(rig.store, 'first', 1, 1);
    await rig.store.topic('first');
  });

  afterAll(() => rig[Symbol.asyncDispose]());

  const batch = (first: number, topic: string) =>
    frame(
      PublishEventsRequest.encode(
        PublishEventsRequest.fromPartial({
          topic,
          events: Array.from({ length: BATCH }, (_, index) => ({ type: 't', subject: `${first + index}` })),
        }),
      ).finish(),
    );

  /** 19 whole batches and some bytes of another. */
  function cutStream(topic: string): Buffer {
    const frames = Array.from({ length: 20 }, (_, index) => batch(1 + index * BATCH, topic));
    const last = frames.pop() ?? Buffer.alloc(0);
    return Buffer.concat([...frames, last.subarray(0, Math.floor(Math.random() * last.length))]);
  }

  async function publishAndEnd(topic: string, way: Way, sync: boolean): Promise<void> {
    await using connection = await connectRaw(rig.test.grpcPort);
    const call = connection.call('/leat.v1.EventService/PublishEvents', { headers: way.headers });
    await Promise.race([write(call, cutStream(topic)), call.ended]);
    const begun = until(async () => call.stream.closed || (await rig.store.topic(topic)) !== undefined);
    if (sync && way.headers === undefined) await begun;
    await way.end(call, connection);
    await call.ended;
    await begun;
  }

  const each = ways.map((way, index) => [way.name, way, `cut/${index}`] as const);
  it.each(each)('by %s has committed whole batches only', async (_, way, prefix) => {
    const before = handles();
    for (let round = 0; round < ROUNDS * 5; round++) {
      const topic = `${prefix}/${round}`;
      await publishAndEnd(topic, way, round % 2 === 0);
      await until(() => handles() === before);
      await rig.test.idle();
      const head = (await rig.store.topic(topic))?.headOffset ?? 0;
      expect(head % BATCH).toBe(0);
      expect(head).toBeLessThanOrEqual(19 * BATCH);
    }
  });
});

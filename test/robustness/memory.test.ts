import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { EventServiceDefinition, ListEventsRequest, PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import type { LeatClient } from '../../src/client/index.js';
import { spawnServer, type ChildServer } from '../support/child-server.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { makeTempDir } from '../support/temp-dir.js';
import { until, untilPolled } from '../support/until.js';
import { startRig } from './leat-rig.js';

/** Clients of each kind. The longer form: `LEAT_STOPPED_CLIENTS=10000`. */
const CLIENTS = Number(process.env.LEAT_STOPPED_CLIENTS ?? 1_000);
const CONNECTIONS = 10;
/** So many come at a time, or what a server that just started has not collected yet would be counted too. */
const WAVE = 20;
const MAX_GROWTH = 256 * 1024 * 1024;
/** Events of 30,000 bytes: two to a page. */
const EVENTS = 1_200;
/** What each stream publishes: 60,000 bytes a batch. */
const BATCHES = 5;
const event = { type: 'large', payload: { $case: 'data' as const, value: Buffer.alloc(30_000, 7) } };

async function publishLarge({ events }: LeatClient, topic: string, batches: number): Promise<void> {
  const requests = async function* () {
    for (let batch = 0; batch < batches; batch++) yield { topic, events: Array.from({ length: 20 }, () => event) };
  };
  await events.publishEvents(requests());
}

/** Notes the most that a server held, between what it holds now and the last look. */
function watchMemory(server: ChildServer) {
  const before = server.residentBytes();
  let most = before;
  return {
    look: () => void (most = Math.max(most, server.residentBytes())),
    growth: () => most - before,
  };
}

/** Several connections, whose calls go to one after the other. */
async function connectMany(server: ChildServer) {
  const { grpcPort } = await server.serving;
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connectRaw(grpcPort)));
  let next = 0;
  return {
    call(path: string, options?: { paused?: boolean }) {
      const connection = connections[next++ % CONNECTIONS];
      if (connection === undefined) throw new Error('there is no connection');
      return connection.call(path, options).stream;
    },
    [Symbol.asyncDispose]: async () =>
      void (await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()))),
  };
}

describe('memory', () => {
  it(`grows by at most 256 MiB while ${CLIENTS} readers have stopped and a writer goes on`, async () => {
    await using dir = await makeTempDir();
    await using server = spawnServer({ 'data-dir': dir.path, 'max-concurrent-streams': CLIENTS });
    const client = await server.connect();
    await publishLarge(client, 'large', EVENTS / 20);
    const memory = watchMemory(server);
    await using connections = await connectMany(server);
    for (let first = 0; first < CLIENTS; first += WAVE) {
      const wave = Array.from({ length: WAVE }, (_, index) => {
        const afterOffset = BigInt(Math.floor(((first + index) * (EVENTS - 100)) / CLIENTS));
        const start = { position: { $case: 'afterOffset' as const, value: afterOffset } };
        const request = ListEventsRequest.fromPartial({ topic: 'large', follow: true, start });
        const stream = connections.call('/leat.v1.EventService/ListEvents', { paused: true });
        stream.end(frame(ListEventsRequest.encode(request).finish()));
        return once(stream, 'readable');
      });
      await Promise.all(wave);
      memory.look();
    }
    for (let round = 0; round < 20; round++) {
      await publishLarge(client, 'large', 1);
      await client.users.listUsers({});
      memory.look();
    }
    const { topic } = await client.events.getTopic({ topic: 'large' });
    expect(topic?.headOffset).toBe(BigInt(EVENTS + 400));
    if (process.env.LEAT_MEASURE) console.log(`grew by ${memory.growth() >> 20} MiB`);
    expect(memory.growth()).toBeLessThanOrEqual(MAX_GROWTH);
  });

  it(`grows by at most 256 MiB while ${CLIENTS} streams publish and never half-close`, async () => {
    await using dir = await makeTempDir();
    await using server = spawnServer({ 'data-dir': dir.path, 'max-concurrent-streams': CLIENTS });
    const client = await server.connect();
    const memory = watchMemory(server);
    await using connections = await connectMany(server);
    const request = PublishEventsRequest.fromPartial({ topic: 'endless', events: [event, event] });
    const message = frame(PublishEventsRequest.encode(request).finish());
    for (let open = WAVE; open <= CLIENTS; open += WAVE) {
      for (let index = 0; index < WAVE; index++) {
        const stream = connections.call('/leat.v1.EventService/PublishEvents');
        for (let batch = 0; batch < BATCHES; batch++) stream.write(message);
        // The beginning of a message, and nothing after it.
        stream.write(message.subarray(0, 1_000));
      }
      await untilPolled(async () => {
        memory.look();
        await client.users.listUsers({});
        const topic = await client.events.getTopic({ topic: 'endless' }).catch(() => undefined);
        return topic?.topic?.headOffset === BigInt(open * BATCHES * 2);
      });
    }
    if (process.env.LEAT_MEASURE) console.log(`grew by ${memory.growth() >> 20} MiB`);
    expect(memory.growth()).toBeLessThanOrEqual(MAX_GROWTH);
  });

  it(`grows by at most 256 MiB while ${CLIENTS} calls have stopped within a message, and others go on`, async () => {
    await using dir = await makeTempDir();
    // Only the bound on memory ends calls here, and not the time that a first message may take.
    const flags = { 'max-concurrent-streams': CLIENTS, 'first-message-timeout': '10m' };
    await using server = spawnServer({ 'data-dir': dir.path, ...flags });
    const client = await server.connect();
    const memory = watchMemory(server);
    await using connections = await connectMany(server);
    const request = PublishEventsRequest.fromPartial({
      topic: 'never',
      events: Array.from({ length: 30 }, () => event),
    });
    const part = frame(PublishEventsRequest.encode(request).finish()).subarray(0, 880_000);
    for (let open = WAVE; open <= CLIENTS; open += WAVE) {
      for (let index = 0; index < WAVE; index++) connections.call('/leat.v1.EventService/PublishEvents').write(part);
      await client.users.listUsers({});
      memory.look();
    }
    await publishLarge(client, 'others', 20);
    // Some wait for others to go on, and when those do not, they take their places.
    await untilPolled(async () => {
      memory.look();
      return (await endedPublishes(server)) >= CLIENTS * 0.9;
    });
    if (process.env.LEAT_MEASURE) console.log(`grew by ${memory.growth() >> 20} MiB`);
    expect(memory.growth()).toBeLessThanOrEqual(MAX_GROWTH);
    expect((await client.events.getTopic({ topic: 'others' })).topic?.headOffset).toBe(400n);
    await expect(client.events.getTopic({ topic: 'never' })).rejects.toMatchObject({ reason: 'TOPIC_NOT_FOUND' });
  });
});

/**
 * Publishes that the server has ended for want of room. By metric, since the log has only some of many lines that are
 * alike.
 */
async function endedPublishes(server: ChildServer): Promise<number> {
  const { httpPort } = await server.serving;
  const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  const lines = metrics.matchAll(/^grpc_server_handled_total\{.*PublishEvents.*"RESOURCE_EXHAUSTED".*\} (\d+)$/gm);
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** A proxy that can stop passing anything on, without closing: what a client that lost its network looks like. */
async function startProxy(port: number) {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connectTcp(port, '127.0.0.1');
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far, { end: false });
    far.pipe(near, { end: false });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    silence: () => sockets.forEach((socket) => socket.unpipe().pause()),
    [Symbol.asyncDispose]: async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a client that vanishes', () => {
  it('is noticed by keepalive, and its calls end', async () => {
    await using rig = await startRig({ 'keepalive-time': '1s', 'keepalive-timeout': '100ms' });
    await using proxy = await startProxy(rig.test.grpcPort);
    await using connection = await connectRaw(proxy.port);
    const { stream } = connection.call('/leat.v1.EventService/ListEvents', { paused: true });
    stream.end(frame(ListEventsRequest.encode(ListEventsRequest.fromPartial({ topic: 't', follow: true })).finish()));
    await until(() => rig.waiting() === 1);
    proxy.silence();
    await until(() => rig.waiting() === 0);
    await rig.test.idle();
    // The server closed the connection: it is not known whether the client has left.
    expect(rig.test.log.filter(({ method }) => method !== undefined)).toMatchObject([
      { method: `/${EventServiceDefinition.fullName}/ListEvents`, status: 'UNAVAILABLE' },
    ]);
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { ListEventsRequest } from '../../gen/leat/v1/event_service.js';
import { startFlood } from '../support/flood.js';
import {
  MAX_RECOVERY_MS,
  MAX_RESIDENT_BYTES,
  startHostileServer,
  type HostileServer,
} from '../support/hostile-server.js';
import { isLong } from '../support/long-form.js';
import { until, untilPolled } from '../support/until.js';

const HEADERS = 1;

const follow = ListEventsRequest.encode(ListEventsRequest.fromPartial({ topic: 'quiet', follow: true })).finish();

const PROBES = 20;
/** After the attack the process holds at most so much more than before it. */
const MAX_LEFT_BYTES = 192 * 1024 * 1024;

async function expectProbesToSucceed(server: HostileServer): Promise<void> {
  const succeeded = await server.probe(PROBES);
  expect([succeeded, server.probeErrors]).toEqual([PROBES, []]);
}

/** Nothing of the attacker is left, neither calls nor memory, and others are served as before. */
async function expectRecovery(server: HostileServer, bytesBefore: number): Promise<void> {
  const isFree = () => server.residentBytes() < bytesBefore + MAX_LEFT_BYTES;
  const recoveryMs = await server.recovers(async () => isFree() && (await server.metric('leat_connections')) <= 1);
  if (isLong) expect(recoveryMs).toBeLessThan(MAX_RECOVERY_MS);
  await expectProbesToSucceed(server);
}

const attacks = [
  { what: 'send only headers, of unary calls', path: '/leat.v1.EventService/ListTopics' },
  { what: 'send only headers, of client streams', path: '/leat.v1.EventService/PublishEvents' },
  { what: 'send only headers, of streams both ways', path: '/leat.v1.ChatService/Chat' },
  { what: 'follow a topic', path: '/leat.v1.EventService/ListEvents', message: follow },
] as const;

/** The short form is the same attack in small: its calls would fill the heap as well. */
const forms = isLong
  ? [
      { heapMiB: 256, connections: 20, callsEach: 1_000 },
      { heapMiB: 512, connections: 50, callsEach: 1_000 },
    ]
  : [{ heapMiB: 112, connections: 12, callsEach: 500 }];

describe.each(forms)('a server with a heap of $heapMiB MiB', ({ heapMiB, connections, callsEach }) => {
  it.each(attacks)(`lives, and serves others, when ${connections * callsEach} calls $what`, async (attack) => {
    await using server = await startHostileServer({}, heapMiB);
    const before = server.residentBytes();
    const flood = await server.whileCalled(async () => {
      const started = await startFlood(server.ports.grpcPort, { connections, callsEach, ...attack });
      await until(() => started.received(HEADERS) > 1_000);
      await expectProbesToSucceed(server);
      return started;
    });
    expect(server.maxResidentBytes()).toBeLessThan(MAX_RESIDENT_BYTES);
    const refused = await server.metric('leat_calls_refused_total{reason="TOO_MANY_CALLS"}');
    expect(refused).toBeGreaterThan((connections * callsEach) / 2);
    expect(server.lines.filter(({ reason }) => reason === 'TOO_MANY_CALLS').length).toBeLessThan(100);
    await flood.leave();
    await expectRecovery(server, before);
    expect(server.errors()).toBe('');
  });
});

describe('a server whose connections are all taken', () => {
  it('serves others when those connections do nothing', async () => {
    await using server = await startHostileServer({ 'max-connections': 500 });
    const before = server.residentBytes();
    const silent = { path: '/leat.v1.EventService/ListTopics', callsEach: 0 };
    const flood = await startFlood(server.ports.grpcPort, { connections: 480, ...silent });
    await untilPolled(async () => (await server.metric('leat_connections')) >= 450);
    // The server closes connections for others only when they have been idle for a second.
    await delay(1_000);
    await expectProbesToSucceed(server);
    await flood.leave();
    await expectRecovery(server, before);
  });
});

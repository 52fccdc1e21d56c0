import { describe, expect, it } from '@jest/globals';
import { ListEventsRequest } from '../../gen/leat/v1/event_service.js';
import { startFlood } from '../support/flood.js';
import { MAX_RESIDENT_BYTES, startHostileServer, type HostileServer } from '../support/hostile-server.js';
import { until } from '../support/until.js';

const LONG = process.env.LEAT_LONG === '1';
const MiB = 1024 * 1024;
const HEADERS = 1;

const follow = ListEventsRequest.encode(ListEventsRequest.fromPartial({ topic: 'quiet', follow: true })).finish();

/** No call of the attacker is left. */
async function hasRecovered(server: HostileServer): Promise<boolean> {
  return (await server.metric('leat_connections')) <= 1 && (await server.probe(1)) === 1;
}

const attacks = [
  { what: 'send only headers, of unary calls', path: '/leat.v1.EventService/ListTopics' },
  { what: 'send only headers, of client streams', path: '/leat.v1.EventService/PublishEvents' },
  { what: 'send only headers, of streams both ways', path: '/leat.v1.ChatService/Chat' },
  { what: 'follow a topic', path: '/leat.v1.EventService/ListEvents', message: follow },
] as const;

describe.each(LONG ? [256, 512] : [256])('a server with a heap of %d MiB', (heapMiB) => {
  it.each(attacks)('lives, and serves others, when 20,000 calls $what', async ({ what: _, ...attack }) => {
    await using server = await startHostileServer({}, heapMiB);
    const before = server.residentBytes();
    const flood = await startFlood(server.ports.grpcPort, { connections: 20, callsEach: 1_000, ...attack });
    await until(() => flood.received(HEADERS) > 1_000);
    expect(await server.probe(20)).toBe(20);
    expect(server.maxResidentBytes()).toBeLessThan(MAX_RESIDENT_BYTES);
    expect(await server.metric('leat_calls_refused_total{reason="TOO_MANY_CALLS"}')).toBeGreaterThan(10_000);
    expect(server.lines.filter(({ reason }) => reason === 'TOO_MANY_CALLS').length).toBeLessThan(100);
    await flood.leave();
    await until(() => hasRecovered(server));
    expect(server.residentBytes() - before).toBeLessThan(heapMiB * MiB);
    expect(server.errors()).toBe('');
  });
});

describe('a server whose connections are all taken', () => {
  it('serves others when those connections do nothing', async () => {
    await using server = await startHostileServer({ 'max-connections': 500 });
    const silent = { path: '/leat.v1.EventService/ListTopics', callsEach: 0 };
    const flood = await startFlood(server.ports.grpcPort, { connections: 480, ...silent });
    await until(async () => (await server.metric('leat_connections')) >= 450);
    const startedAt = performance.now();
    await until(() => performance.now() - startedAt > 1_000);
    expect(await server.probe(20)).toBe(20);
    await flood.leave();
    await until(() => hasRecovered(server));
  });
});

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Event } from '../../gen/leat/v1/event.js';
import { connectAttacker, type Attacker } from '../support/attacker.js';
import { echoService, EchoDefinition } from '../support/echo-service.js';
import { frame } from '../support/raw-http2.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const ENHANCE_YOUR_CALM = 11;
const path = '/leat.test.Echo/Upload';

let test: TestServer;
let attacker: Attacker;
let taken: Buffer[];
let go: () => void;

/** The handler takes its first message, and no other before `go`. */
async function start(flags: Readonly<Record<string, unknown>> = {}): Promise<void> {
  taken = [];
  const going = new Promise<void>((resolve) => (go = resolve));
  const service = echoService({
    async upload(requests) {
      for await (const { payload } of requests) {
        if (payload?.$case === 'data') taken.push(Buffer.from(payload.value));
        await going;
      }
      return {};
    },
  });
  test = await startTestServer([service], flags);
  attacker = await connectAttacker(test.grpcPort);
}

function messageOf(bytes: number): Buffer {
  return frame(Event.encode(Event.fromPartial({ payload: { $case: 'data', value: randomBytes(bytes) } })).finish());
}

afterEach(async () => {
  go();
  await attacker[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

describe('data that arrives while a call does not read', () => {
  beforeEach(() => start());

  it.each([1, 7, 1_000, 16_384])('arrives complete and in order, in frames of %d bytes', async (frameBytes) => {
    const messages = [messageOf(10), messageOf(3_000), messageOf(200_000), messageOf(5)];
    const sent = attacker.send(attacker.open(path), Buffer.concat(messages), frameBytes);
    await until(() => taken.length === 1);
    await test.client(EchoDefinition).unary({ id: 'sentinel' });
    go();
    await sent;
    await until(() => taken.length === messages.length);
    for (const [index, message] of messages.entries()) {
      expect(message.includes(taken[index] ?? 'missing')).toBe(true);
    }
  });
});

describe('a connection that sends more than it may to calls that do not read', () => {
  beforeEach(() => start({ 'receive-budget': '1MiB' }));

  it('is closed with ENHANCE_YOUR_CALM, and others go on', async () => {
    const message = messageOf(60_000);
    const bytes = Buffer.concat(Array.from({ length: 20 }, () => message));
    const streams = Array.from({ length: 20 }, () => attacker.open(path));
    await Promise.all(streams.map((stream) => attacker.send(stream, bytes)));
    await attacker.closed;
    expect(attacker.goaway).toBe(ENHANCE_YOUR_CALM);
    await expect(test.client(EchoDefinition).unary({ id: 'other' })).resolves.toMatchObject({ id: 'other' });
    expect(test.log).toContainEqual(expect.objectContaining({ level: 'warn', maxBytes: 1024 * 1024 }));
    const { registry } = test.server;
    await until(async () => (await registry.metrics()).includes('closed_total{reason="receive-budget"} 1'));
  });
});

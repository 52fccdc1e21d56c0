import { once } from 'node:events';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { Event } from '../../gen/leat/v1/event.js';
import { createInflateBudget, type InflateLimits } from '../../src/server/inflate-budget.js';
import { echoService } from '../support/echo-service.js';
import { connectRaw, frame, type RawConnection } from '../support/raw-http2.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const message = Event.encode(
  Event.fromPartial({ payload: { $case: 'data', value: Buffer.alloc(100_000, 7) } }),
).finish();
const gzipped = gzipSync(message);
const half = message.byteLength / 2;

let test: TestServer;
let raw: RawConnection;
let taken: number[];

beforeEach(async () => {
  taken = [];
  const services = [
    echoService({
      async upload(requests) {
        for await (const request of requests) taken.push(sizeOf(request));
        return {};
      },
      async unary(request) {
        taken.push(sizeOf(request));
        return {};
      },
      async *download(request) {
        taken.push(sizeOf(request));
        yield {};
      },
    }),
  ];
  // Less than one message: each may be inflated when no other is.
  test = await startTestServer(services, { 'decompression-budget': '64KiB' });
  raw = await connectRaw(test.grpcPort);
});

afterEach(async () => {
  await raw[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

function sizeOf({ payload }: Event): number {
  return payload?.$case === 'data' ? payload.value.byteLength : 0;
}

function call(method: string, bytes: Uint8Array, encoding: string) {
  const { stream, ended } = raw.call(`/leat.test.Echo/${method}`, { headers: { 'grpc-encoding': encoding } });
  stream.end(bytes);
  return ended;
}

describe.each(['Unary', 'Upload', 'Download'])('a compressed message of %s', (method) => {
  it.each([
    ['gzip', 'gzip', gzipped],
    ['deflate', 'deflate', deflateSync(message)],
    ['gzip in several members', 'gzip', [message.subarray(0, half), message.subarray(half)].map((b) => gzipSync(b))],
  ])('is read if it is %s', async (_, encoding, parts) => {
    const bytes = Buffer.concat([parts].flat());
    await expect(call(method, frame(bytes, { flag: 1 }), encoding)).resolves.toMatchObject({ status: Status.OK });
    expect(taken).toEqual([100_000]);
  });

  it.each([
    ['is cut short', 'gzip', frame(gzipped.subarray(0, -9), { flag: 1 })],
    [
      'is damaged',
      'gzip',
      frame(
        gzipped.map((byte, at) => (at === 20 ? byte ^ 0xff : byte)),
        { flag: 1 },
      ),
    ],
    ['is followed by other bytes', 'gzip', frame(Buffer.concat([gzipped, Buffer.from('more')]), { flag: 1 })],
    ['is followed by zeros', 'gzip', frame(Buffer.concat([gzipped, Buffer.alloc(4)]), { flag: 1 })],
    ['has no bytes', 'gzip', frame(Buffer.alloc(0), { flag: 1 })],
    ['is deflate without its header', 'deflate', frame(deflateRawSync(message), { flag: 1 })],
    [
      'is deflate and is followed by others',
      'deflate',
      frame(Buffer.concat([deflateSync(message), Buffer.alloc(1)]), { flag: 1 }),
    ],
    ['is gzip and is called deflate', 'deflate', frame(gzipped, { flag: 1 })],
    ['is called identity', 'identity', frame(message, { flag: 1 })],
    ['has a flag that is neither 0 nor 1', 'gzip', frame(gzipped, { flag: 2 })],
  ])('is refused if it %s', async (_, encoding, bytes) => {
    await expect(call(method, bytes, encoding)).resolves.toMatchObject({
      status: Status.INVALID_ARGUMENT,
      reason: 'MALFORMED_MESSAGE',
    });
    expect(taken).toEqual([]);
    await test.idle();
  });

  it('does not need memory that others hold for ever: all of many calls are answered', async () => {
    const calls = Array.from({ length: 50 }, () => call(method, frame(gzipped, { flag: 1 }), 'gzip'));
    const ends = await Promise.all(calls);
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set([Status.OK]));
  });
});

describe('a stream of compressed messages', () => {
  it('is inflated one message at a time, as the handler asks for them', async () => {
    const bytes = Buffer.concat(Array.from({ length: 40 }, () => frame(gzipped, { flag: 1 })));
    await expect(call('Upload', bytes, 'gzip')).resolves.toMatchObject({ status: Status.OK });
    expect(taken).toEqual(Array.from({ length: 40 }, () => 100_000));
  });
});

describe.each(['Unary', 'Download'])('a message of %s that is not followed by the half-close', (method) => {
  it('is not inflated, so that it holds no more than what was sent', async () => {
    const open = Array.from({ length: 20 }, () =>
      raw.call(`/leat.test.Echo/${method}`, { headers: { 'grpc-encoding': 'gzip' } }),
    );
    for (const { stream } of open) stream.write(frame(gzipped, { flag: 1 }));
    // Would wait for the memory of the others if they were inflated.
    await expect(call('Unary', frame(gzipped, { flag: 1 }), 'gzip')).resolves.toMatchObject({ status: Status.OK });
    for (const { stream } of open) stream.end();
    for (const { ended } of open) await expect(ended).resolves.toMatchObject({ status: Status.OK });
  });
});

/** A budget, and a way to ask it for `size` bytes of zeros from a connection; `outcome` is a size or a reason. */
function budgetWith(limits: InflateLimits) {
  const budget = createInflateBudget(limits);
  const order: string[] = [];
  const ask = (connection: object, name: string, size = 100_000) => {
    let settle: (outcome: number | string) => void = () => undefined;
    const outcome = new Promise<number | string>((resolve) => (settle = resolve));
    const charge = budget.inflate({
      compressed: gzipSync(Buffer.alloc(size)),
      encoding: 'gzip',
      maxSize: 2 ** 21,
      connection,
      done: ({ byteLength }) => {
        order.push(name);
        settle(byteLength);
      },
      failed: (error) => settle((error as { reason?: string }).reason ?? error.message),
    });
    return { ...charge, outcome };
  };
  return { budget, order, ask };
}

describe('the budget for inflating', () => {
  it('charges a message until it is released', async () => {
    const { budget, ask } = budgetWith({ maxBytes: 2 ** 20 });
    const first = ask({}, 'first');
    await expect(first.outcome).resolves.toBe(100_000);
    expect(budget.chargedBytes).toBe(100_000);
    first.release();
    first.release();
    expect(budget.chargedBytes).toBe(0);
  });

  it('makes messages wait until others are released', async () => {
    const { budget, ask } = budgetWith({ maxBytes: 150_000 });
    const [first, second] = [ask({}, 'first'), ask({}, 'second')];
    await first.outcome;
    expect(budget.waiting).toBe(1);
    first.release();
    await expect(second.outcome).resolves.toBe(100_000);
    second.release();
    expect(budget.chargedBytes).toBe(0);
  });

  it('serves connections in turn', async () => {
    const { order, ask } = budgetWith({ maxBytes: 2 ** 24, concurrency: 1 });
    const flood = {};
    const many = Array.from({ length: 20 }, () => ask(flood, 'flood'));
    await ask({}, 'other').outcome;
    expect(order.length).toBeLessThanOrEqual(4);
    for (const { outcome } of many) await outcome;
  });

  it('refuses a message of the connection with the most that wait when too many do', async () => {
    const { ask } = budgetWith({ maxBytes: 2 ** 24, concurrency: 1, maxWaiting: 5 });
    const flood = {};
    const many = Array.from({ length: 20 }, () => ask(flood, 'flood'));
    const other = ask({}, 'other');
    await expect(other.outcome).resolves.toBe(100_000);
    const outcomes = await Promise.all(many.map(({ outcome }) => outcome));
    expect(outcomes.filter((outcome) => outcome === 'OVERLOADED').length).toBeGreaterThanOrEqual(14);
  });

  it('refuses a message that has waited too long', async () => {
    const { ask } = budgetWith({ maxBytes: 150_000, maxWaitMs: 20 });
    await ask({}, 'never released').outcome;
    await expect(ask({}, 'late').outcome).resolves.toBe('OVERLOADED');
  });

  it('frees the place of a message that is released before it is inflated, waiting or not', async () => {
    const { budget, order, ask } = budgetWith({ maxBytes: 2 ** 24, concurrency: 1 });
    const gone = Array.from({ length: 20 }, () => ask({}, 'gone', 2 ** 21));
    const last = ask({}, 'last');
    for (const charge of gone) charge.release();
    await expect(last.outcome).resolves.toBe(100_000);
    expect(order).toEqual(['last']);
    last.release();
    expect(budget.chargedBytes).toBe(0);
  });

  it('stops at the largest message that is allowed, and charges nothing for it', async () => {
    const { budget, ask } = budgetWith({ maxBytes: 2 ** 24 });
    await expect(ask({}, 'bomb', 2 ** 26).outcome).resolves.toContain('decompresses to a size larger than 2097152');
    expect(budget.chargedBytes).toBe(0);
  });
});

describe('a call that ends while its message waits', () => {
  it('leaves the queue, whether the client resets it or its deadline passes', async () => {
    await using held = await connectRaw(test.grpcPort);
    const headers = { 'grpc-encoding': 'gzip', 'grpc-timeout': '50m' };
    const calls = Array.from({ length: 30 }, (_, index) => {
      const { stream, ended } = held.call('/leat.test.Echo/Unary', { headers });
      stream.end(frame(gzipped, { flag: 1 }));
      if (index % 2 === 0) stream.close(8);
      return ended;
    });
    await Promise.all(calls);
    await until(() => test.server.calls.size === 0);
    await expect(call('Unary', frame(gzipped, { flag: 1 }), 'gzip')).resolves.toMatchObject({ status: Status.OK });
    held.session.destroy();
    if (!held.session.destroyed) await once(held.session, 'close');
  });
});

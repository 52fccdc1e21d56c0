import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { createPartialMessages, type PartialMessageLimits } from '../../src/server/partial-messages.js';
import { Event } from '../../gen/leat/v1/event.js';
import { echoService } from '../support/echo-service.js';
import { connectRaw, frame, type RawCall, type RawConnection } from '../support/raw-http2.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const BUDGET_BYTES = 256 * 1024;
const message = frame(
  Event.encode(Event.fromPartial({ payload: { $case: 'data', value: Buffer.alloc(200_000) } })).finish(),
);
/** Two of them do not fit. */
const part = message.subarray(0, 150_000);

let test: TestServer;
let raw: RawConnection;

beforeEach(async () => {
  test = await startTestServer([echoService()], { 'partial-message-budget': BUDGET_BYTES });
  raw = await connectRaw(test.grpcPort);
});

afterEach(async () => {
  await raw[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

/** Begins a call with these bytes; resolves when they are on their way and the server knows of the call. */
async function begin(method: string, bytes: Uint8Array): Promise<RawCall> {
  const call = raw.call(`/leat.test.Echo/${method}`);
  await new Promise((resolve) => call.stream.write(bytes, resolve));
  return call;
}

describe.each(['Unary', 'Upload', 'Download', 'Chat'])('messages of %s that came in part', (method) => {
  it('make room when there is none, who stood still longest first', async () => {
    const first = await begin(method, part);
    const second = await begin(method, part);
    await expect(first.ended).resolves.toMatchObject({
      status: Status.RESOURCE_EXHAUSTED,
      reason: 'OVERLOADED',
      message: expect.stringContaining('stood still longest'),
      reset: 0,
    });
    second.stream.end(message.subarray(part.length));
    await expect(second.ended).resolves.toMatchObject({ status: Status.OK });
    await test.idle();
  });
});

describe('messages that came in part', () => {
  it('are all finished if their clients go on, however little room there is', async () => {
    const uploads = await Promise.all(Array.from({ length: 40 }, () => begin('Upload', part)));
    for (const { stream } of uploads) stream.write(Buffer.concat([message.subarray(part.length), message]));
    for (const { stream } of uploads) stream.end(message);
    const ends = await Promise.all(uploads.map(({ ended }) => ended));
    expect(new Set(ends.map(({ status, reason }) => `${status} ${reason}`))).toEqual(new Set(['0 ']));
  });
});

/** The process budget alone does not hold it, so that whoever comes next waits. */
const large = frame(
  Event.encode(Event.fromPartial({ payload: { $case: 'data', value: Buffer.alloc(300_000) } })).finish(),
);
const small = frame(
  Event.encode(Event.fromPartial({ payload: { $case: 'data', value: Buffer.alloc(8_000) } })).finish(),
);

describe.each(['Unary', 'Download'])('a complete message of %s that waits for room', (method) => {
  it('is processed when its stream ends, and is not refused or counted afterwards', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let commits = 0;
    const commit = async () => {
      commits++;
      await gate;
      return { id: 'committed' };
    };
    await using own = await startTestServer(
      [
        echoService({
          unary: commit,
          async *download() {
            yield await commit();
          },
        }),
      ],
      { 'partial-message-budget': BUDGET_BYTES },
    );
    await using connection = await connectRaw(own.grpcPort);
    const start = async (path: string, bytes: Uint8Array) => {
      const call = connection.call(`/leat.test.Echo/${path}`);
      await new Promise((resolve) => call.stream.write(bytes, resolve));
      await new Promise((resolve) => connection.session.ping(resolve));
      return call;
    };

    const first = await start('Upload', large.subarray(0, 290_000));
    const held = await start(method, small);
    held.stream.end();
    await until(() => commits === 1);
    first.stream.end(large.subarray(290_000));
    await expect(first.ended).resolves.toMatchObject({ status: Status.OK });

    // Nobody is at work but the next calls: each has the room to itself, and no other is ended for it.
    for (let round = 0; round < 2; round++) {
      const next = await start('Upload', large.subarray(0, 290_000));
      next.stream.end(large.subarray(290_000));
      await expect(next.ended).resolves.toMatchObject({ status: Status.OK });
    }
    open();
    await expect(held.ended).resolves.toMatchObject({ status: Status.OK, reason: '', reset: 0 });
    expect(commits).toBe(1);
    await own.idle();
  });
});

const KIB = 1024;

/** Calls as the transport sees them: what each was told, and a client that sends while it may. */
function crowd(limits: PartialMessageLimits) {
  const messages = createPartialMessages(limits);
  return (bytes = 0) => {
    const call = { held: bytes, told: [] as string[] };
    const part = messages.add({
      pause: () => void call.told.push('pause'),
      resume: () => void call.told.push('resume'),
      end: () => void call.told.push('end'),
    });
    if (bytes > 0) part.holds(bytes, true);
    return Object.assign(part, call);
  };
}

describe('the room for messages that came in part', () => {
  it('is not needed any more by a waiting call that has its message', () => {
    const add = crowd({ maxBytes: 100 * KIB });
    const [first, second] = [add(90 * KIB), add(20 * KIB)];
    second.holds(0, false);
    first.holds(0, false);
    expect([first.told, second.told]).toEqual([[], ['pause']]);
    expect([add(50 * KIB), add(50 * KIB)].map(({ told }) => told)).toEqual([[], []]);
  });

  it('is enough for those who fit', () => {
    const add = crowd({ maxBytes: 100 * KIB });
    const calls = [add(50 * KIB), add(50 * KIB)];
    expect(calls.map(({ told }) => told)).toEqual([[], []]);
  });

  it('makes who comes when it is full wait for who is at work', () => {
    const add = crowd({ maxBytes: 100 * KIB });
    const [first, second] = [add(90 * KIB), add(20 * KIB)];
    expect(second.told).toEqual(['pause']);
    first.holds(95 * KIB, true);
    expect(first.told).toEqual([]);
    first.holds(0, false);
    expect(second.told).toEqual(['pause', 'resume']);
    second.holds(0, false);
  });

  it('is free again when calls are over, whoever ended them', () => {
    const add = crowd({ maxBytes: 100 * KIB });
    for (let round = 0; round < 10; round++) add(90 * KIB).forget();
    expect([add(50 * KIB), add(50 * KIB)].map(({ told }) => told)).toEqual([[], []]);
  });

  it('is made by who stood still longest when too many wait', () => {
    const add = crowd({ maxBytes: 100 * KIB, maxWaiting: 1 });
    const [first, second, third, fourth] = [add(40 * KIB), add(40 * KIB), add(30 * KIB), add(30 * KIB)];
    expect([first, second, third, fourth].map(({ told }) => told)).toEqual([['end'], [], ['pause'], []]);
    third.forget();
  });

  it('is made by who stood still too long, though others have just come', () => {
    const add = crowd({ maxBytes: 100 * KIB, graceMs: 0 });
    const [first, second] = [add(60 * KIB), add(60 * KIB)];
    expect([first.told, second.told]).toEqual([['end'], []]);
  });

  it('is not taken from calls that their own handlers hold up', () => {
    const add = crowd({ maxBytes: 100 * KIB, graceMs: 0 });
    const held = add();
    held.holds(60 * KIB, false);
    const calls = [add(60 * KIB), add(60 * KIB)];
    expect([held, ...calls].map(({ told }) => told)).toEqual([[], ['end'], []]);
    held.holds(60 * KIB, true);
    add(60 * KIB);
    expect(calls[1]?.told).toEqual(['end']);
  });

  it('does not end or hold the only one at work, or nobody would ever finish', () => {
    const add = crowd({ maxBytes: 100 * KIB, graceMs: 0 });
    expect(add(500 * KIB).told).toEqual([]);
  });
});

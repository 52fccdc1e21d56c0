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
  const oneForAll = {};
  return (bytes = 0, connection: object = oneForAll) => {
    const call = { held: bytes, told: [] as string[] };
    const part = messages.add({
      connection,
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

describe('the room for messages that came in part, shared by connections', () => {
  const crowded = { name: 'crowded' };
  const quiet = { name: 'quiet' };

  it('goes to the connection whose calls hold least, though others wait longer and have completed messages', () => {
    const add = crowd({ maxBytes: 100 * KIB });
    const first = add(45 * KIB, crowded);
    const single = add(50 * KIB, quiet);
    const proven = add(5 * KIB, crowded);
    proven.holds(0, true);
    proven.holds(10 * KIB, true);
    const bystander = add(15 * KIB, { name: 'another' });
    expect([proven.told, bystander.told]).toEqual([['pause'], ['pause']]);
    single.forget();
    expect(bystander.told).toEqual(['pause', 'resume']);
    first.forget();
    expect(proven.told).toEqual(['pause', 'resume']);
  });

  it('is given up by a crowd for a message of another connection, though none of its calls ends', () => {
    const add = crowd({ maxBytes: 100 * KIB });
    const calls = Array.from({ length: 10 }, () => add(10 * KIB, crowded));
    const bystander = add(1 * KIB, quiet);
    for (let held = 2; held <= 40; held++) bystander.holds(held * KIB, true);
    expect(bystander.told.at(-1)).toBe('resume');
    expect(calls.flatMap(({ told }) => told)).not.toContain('end');
    expect(calls.filter(({ told }) => told.at(-1) !== 'pause').length).toBe(1);
    bystander.holds(0, false);
    calls.forEach((call) => call.forget());
  });

  it('is not given up by a connection with one call, which may finish its message', () => {
    const add = crowd({ maxBytes: 100 * KIB });
    const [single, other] = [add(90 * KIB, crowded), add(20 * KIB, quiet)];
    expect([single.told, other.told]).toEqual([[], ['pause']]);
    other.forget();
  });

  it('is not given up for further calls of a connection that has one running', () => {
    const add = crowd({ maxBytes: 100 * KIB });
    const calls = [add(40 * KIB, crowded), add(40 * KIB, crowded), add(10 * KIB, quiet)];
    const further = add(20 * KIB, quiet);
    expect([...calls, further].map(({ told }) => told)).toEqual([[], [], [], ['pause']]);
    further.forget();
  });

  it('is made by the crowd when too many wait, and not by a call of another connection that stood still longer', () => {
    const add = crowd({ maxBytes: 100 * KIB, maxWaiting: 1 });
    const bystander = add(20 * KIB, quiet);
    const calls = Array.from({ length: 8 }, () => add(30 * KIB, crowded));
    expect(bystander.told).toEqual([]);
    expect(calls.filter(({ told }) => told.includes('end')).length).toBeGreaterThan(0);
    calls.forEach((call) => call.forget());
  });

  it('counts only calls that run, so that those that are over weigh on nobody', () => {
    const add = crowd({ maxBytes: 100 * KIB });
    for (let round = 0; round < 5; round++) {
      const calls = [add(30 * KIB, crowded), add(30 * KIB, crowded), add(30 * KIB, crowded), add(30 * KIB, crowded)];
      calls.forEach((call) => call.holds(0, false));
    }
    const others = [add(45 * KIB, quiet), add(45 * KIB, quiet)];
    const next = add(20 * KIB, crowded);
    expect(next.told).toEqual(['pause', 'resume']);
    others.forEach((call) => call.forget());
  });
});

describe('a crowd of calls on one connection that stay within a message', () => {
  it('does not hold up a large message on another connection, and is finished afterwards', async () => {
    await using own = await startTestServer([echoService()], { 'partial-message-budget': 4 * BUDGET_BYTES });
    await using many = await connectRaw(own.grpcPort);
    await using other = await connectRaw(own.grpcPort);
    const crowd = Array.from({ length: 30 }, () => many.call('/leat.test.Echo/Upload'));
    const first = Buffer.concat([small, message.subarray(0, 60_000)]);
    await Promise.all(crowd.map(({ stream }) => new Promise((resolve) => stream.write(first, resolve))));
    await new Promise((resolve) => many.session.ping(resolve));
    const bystander = other.call('/leat.test.Echo/Unary');
    bystander.stream.end(message);
    await expect(bystander.ended).resolves.toMatchObject({ status: Status.OK });
    for (const { stream } of crowd) stream.end(message.subarray(60_000));
    const ends = await Promise.all(crowd.map(({ ended }) => ended));
    expect(ends.map(({ status, reason }) => `${status} ${reason}`)).toEqual(crowd.map(() => '0 '));
  });
});

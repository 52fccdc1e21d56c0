import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { CallContext } from 'nice-grpc';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { connectRaw, frame, type RawCall, type RawConnection } from '../support/raw-http2.js';
import { eventually } from '../support/soon.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const CALLS = 400;
const PATH = `/${EchoDefinition.fullName}/Upload`;

/** A server whose handlers note the turn of the event loop in which they ended, and how. */
async function startNoting() {
  let turn = 0;
  let begun = 0;
  const turns: number[] = [];
  const completed: number[] = [];
  const upload = async (requests: AsyncIterable<unknown>, { signal }: CallContext) => {
    begun++;
    signal.addEventListener('abort', spin);
    try {
      for await (const _ of requests);
      completed.push(turn);
      return {};
    } finally {
      turns.push(turn);
    }
  };
  const test = await startTestServer([echoService({ upload })], { 'drain-timeout': '5s' });
  return {
    test,
    turns,
    completed,
    begun: () => begun,
    /** Counts turns until all calls are over. */
    countTurns: async () => {
      await eventually('the end of all calls', async () => {
        turn++;
        await nextTurn();
        return test.server.calls.size === 0 && turns.length === CALLS;
      });
    },
  };
}

/** The end of a call takes some time, as with real handlers, so that slices are small. */
function spin(): void {
  const until = performance.now() + 0.3;
  while (performance.now() < until);
}

function openAll(connection: RawConnection): RawCall[] {
  const calls = Array.from({ length: CALLS }, () => connection.call(PATH));
  for (const { stream } of calls) stream.on('error', () => undefined).write(frame(Buffer.from([0x0a, 1, 0x61])));
  return calls;
}

type End = (connection: RawConnection, calls: readonly RawCall[], test: TestServer) => unknown;

const ends: readonly (readonly [string, End])[] = [
  ['their connection is cut', (connection) => connection.cut()],
  ['their client resets them', (_, calls) => calls.forEach(({ stream }) => stream.close(8))],
  ['the server drains', (_connection, _calls, { server }) => server.drain()],
];

describe('many calls that end together', () => {
  it.each(ends)('are spread over several turns of the event loop, and none looks complete, when %s', async (_, end) => {
    const { test, turns, completed, begun, countTurns } = await startNoting();
    await using _test = test;
    await using connection = await connectRaw(test.grpcPort);
    const calls = openAll(connection);
    await eventually('all calls', () => begun() === CALLS);
    const ending = end(connection, calls, test);
    await countTurns();
    await ending;
    expect(completed).toEqual([]);
    expect(new Set(turns).size).toBeGreaterThan(3);
  });
});

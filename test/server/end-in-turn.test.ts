import { describe, expect, it } from '@jest/globals';
import { echoService } from '../support/echo-service.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { startTestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const CALLS = 200;
/** For each call that ends, in milliseconds: all together take many times what one turn should. */
const WORK_MS = 1;

function work(): void {
  for (const startedAt = performance.now(); performance.now() - startedAt < WORK_MS;);
}

/** Counts turns of the event loop until it is stopped. */
function countTurns() {
  let count = 0;
  let immediate: NodeJS.Immediate;
  const next = () => {
    count++;
    immediate = setImmediate(next);
  };
  next();
  return { now: () => count, stop: () => clearImmediate(immediate) };
}

describe('calls that end together', () => {
  it('end in several turns of the event loop when their connection is lost, each of them once', async () => {
    const turns = countTurns();
    const endedIn: number[] = [];
    let running = 0;
    const service = echoService({
      async *download(_request, { signal }) {
        running++;
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        work();
        endedIn.push(turns.now());
        yield {};
      },
    });
    await using test = await startTestServer([service]);
    const connection = await connectRaw(test.grpcPort);
    for (let i = 0; i < CALLS; i++) connection.call('/leat.test.Echo/Download').stream.end(frame(new Uint8Array()));
    await until(() => running === CALLS);
    await connection[Symbol.asyncDispose]();
    await test.idle();
    turns.stop();
    expect(endedIn).toHaveLength(CALLS);
    expect(new Set(endedIn).size).toBeGreaterThan(8);
  });
});

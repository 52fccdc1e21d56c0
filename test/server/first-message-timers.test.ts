import { createHook } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import { echoService } from '../support/echo-service.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { startTestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

/** Timers that `look` of first-message.ts armed, and that have neither fired nor been cleared. */
function watchLookTimers() {
  const live = new Set<number>();
  const hook = createHook({
    init(id, type) {
      if (type === 'Timeout' && / arm \(.*first-message\./.test(new Error().stack ?? '')) live.add(id);
    },
    destroy: (id) => void live.delete(id),
  }).enable();
  return { live, [Symbol.dispose]: () => void hook.disable() };
}

describe('calls that wait for their first message', () => {
  it('have one timer, however often their time begins anew', async () => {
    using timers = watchLookTimers();
    await using test = await startTestServer([echoService()], { 'first-message-timeout': '1s' });
    await using connection = await connectRaw(test.grpcPort);
    const sending = connection.call('/leat.test.Echo/Upload').stream;
    sending.write(frame(new Uint8Array(), { length: 2 << 20 }));
    await until(() => test.server.calls.size === 1);
    const begun = performance.now();
    const step = Buffer.alloc(96 * 1024);
    sending.write(step);
    // Due a little later than the first: at the first look its time is not over.
    await until(() => performance.now() - begun > 500);
    const waiting = connection.call('/leat.test.Echo/Upload');
    await until(() => test.server.calls.size === 2);
    let most = 0;
    // Hooks learn of cleared timers at the end of the turn.
    const look = () => (most = Math.max(most, timers.live.size));
    const watch = setInterval(() => setImmediate(look), 1);
    await waiting.ended;
    clearInterval(watch);
    expect(most).toBe(1);
    sending.close(8);
    await test.idle();
  }, 20_000);
});

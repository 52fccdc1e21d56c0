import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { isAbortError } from 'abort-controller-x';
import { echoService, type EchoHandlers } from '../support/echo-service.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { startTestServer } from '../support/test-server.js';

const page = { payload: { $case: 'data', value: new Uint8Array(64 * 1024) } } as const;

/** Sends pages for ever, and notes how far it came and that it was ended. */
function createSender(pace: (...context: Parameters<EchoHandlers['download']>) => Promise<void>) {
  const noted = { sent: 0, ended: undefined as unknown };
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  async function* download(...args: Parameters<EchoHandlers['download']>) {
    try {
      for (;;) {
        await pace(...args);
        yield page;
        noted.sent++;
      }
    } catch (error) {
      noted.ended = error;
      throw error;
    } finally {
      finish();
    }
  }
  return { noted, finished, service: echoService({ download }) };
}

const unpaced = () => Promise.resolve();

describe('a client that does not read', () => {
  it('ends its handler and its stream at the deadline', async () => {
    const { finished, service } = createSender(unpaced);
    await using test = await startTestServer([service]);
    await using connection = await connectRaw(test.grpcPort);
    const { stream, ended } = connection.call('/leat.test.Echo/Download', {
      headers: { 'grpc-timeout': '100m' },
      paused: true,
    });
    stream.end(frame(new Uint8Array()));
    await finished;
    await expect(ended).resolves.toMatchObject({ reset: 8, status: undefined });
    await test.idle();
    expect(test.log).toMatchObject([{ status: 'DEADLINE_EXCEEDED', level: 'warn' }]);
  });

  it('does not keep a server from draining', async () => {
    const { finished, service } = createSender(unpaced);
    await using test = await startTestServer([service], { 'drain-timeout': '100ms' });
    await using connection = await connectRaw(test.grpcPort);
    const { stream } = connection.call('/leat.test.Echo/Download', { paused: true });
    stream.end(frame(new Uint8Array()));
    await once(stream, 'readable');
    await test.server.drain();
    await finished;
    expect(test.server.calls.size).toBe(0);
  });

  it('has its handler ended as soon as the server drains', async () => {
    const { finished, service } = createSender(unpaced);
    await using test = await startTestServer([service], { 'drain-timeout': '1h' });
    await using connection = await connectRaw(test.grpcPort);
    const { stream } = connection.call('/leat.test.Echo/Download', { paused: true });
    stream.end(frame(new Uint8Array()));
    await once(stream, 'readable');
    const drained = test.server.drain();
    await finished;
    await test.server.close();
    await drained;
  });

  it('is sent as many messages as its handler lets wait', async () => {
    let waiting = 0;
    const { noted, finished, service } = createSender(async (_request, { outbox, signal }) => {
      waiting++;
      await outbox.waitUntilBelow(2, signal);
      waiting--;
    });
    await using test = await startTestServer([service]);
    await using connection = await connectRaw(test.grpcPort);
    const { stream } = connection.call('/leat.test.Echo/Download', { paused: true });
    stream.end(frame(new Uint8Array()));
    // Its window takes 65,535 bytes, less than one page.
    while (noted.sent < 2 || waiting < 1) await new Promise(setImmediate);
    const later = connection.call('/leat.test.Echo/Unary');
    later.stream.end(frame(new Uint8Array()));
    await expect(later.ended).resolves.toMatchObject({ status: 0 });
    expect(noted.sent).toBe(2);
    stream.resume();
    while (noted.sent < 50) await new Promise(setImmediate);
    stream.close(8);
    await finished;
    expect(isAbortError(noted.ended)).toBe(true);
    await test.idle();
    expect(waiting).toBe(1);
  });
});

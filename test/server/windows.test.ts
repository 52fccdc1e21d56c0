import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { ClientHttp2Session, Settings } from 'node:http2';
import { startDelayProxy } from '../support/delay-proxy.js';
import { echoService } from '../support/echo-service.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { startTestServer } from '../support/test-server.js';

const KiB = 1024;

/** Resolves when the server has told a window that fits. */
async function windowOf(session: ClientHttp2Session, fits: (bytes: number) => boolean): Promise<number> {
  for (;;) {
    const now = session.remoteSettings.initialWindowSize ?? 0;
    if (fits(now)) return now;
    await (once(session, 'remoteSettings') as Promise<[Settings]>);
  }
}

describe('a connection that is far away and busy', () => {
  it('gets larger windows while it needs them, within the budget, and loses them again', async () => {
    await using test = await startTestServer([echoService()], {
      window: '64KiB',
      'max-window': '16MiB',
      'window-budget': '1MiB',
    });
    await using far = await startDelayProxy(test.grpcPort, 10);
    await using connection = await connectRaw(far.port);
    const { session } = connection;
    const { stream } = connection.call('/leat.test.Echo/Upload');
    const message = frame(Buffer.alloc(60 * KiB));
    let isSending = true;
    const sending = (async () => {
      while (isSending) if (!stream.write(message)) await once(stream, 'drain');
    })();
    const raised = await windowOf(session, (bytes) => bytes >= 512 * KiB);
    // The budget is what windows may grow by: 64 KiB + 1 MiB is the most that one connection can get of it.
    expect(raised).toBeLessThanOrEqual((64 + 1024) * KiB);
    isSending = false;
    await sending;
    expect(await windowOf(session, (bytes) => bytes <= 64 * KiB)).toBe(64 * KiB);
  });
});

describe('many calls on one connection', () => {
  it('share what it may send ahead', async () => {
    await using test = await startTestServer([echoService()]);
    await using connection = await connectRaw(test.grpcPort);
    const { session } = connection;
    const calls = Array.from({ length: 128 }, () => connection.call('/leat.test.Echo/Upload'));
    expect(await windowOf(session, (bytes) => bytes < 1024 * KiB && bytes <= 128 * KiB)).toBe(128 * KiB);
    for (const { stream } of calls) stream.destroy();
    expect(await windowOf(session, (bytes) => bytes >= 1024 * KiB)).toBe(1024 * KiB);
  });
});

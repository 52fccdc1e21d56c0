import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { ClientHttp2Session, Settings } from 'node:http2';
import { startDelayProxy } from '../support/delay-proxy.js';
import { echoService } from '../support/echo-service.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { FLAG_ACK, FRAME_SETTINGS, startFrameProxy } from '../support/frame-proxy.js';
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

async function* openForEver(requests: AsyncIterable<object>, { signal }: { signal: AbortSignal }) {
  for await (const _ of requests);
  await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  yield* [];
}

describe('many calls on one connection', () => {
  it('share what it may send ahead', async () => {
    await using test = await startTestServer([echoService()]);
    await using connection = await connectRaw(test.grpcPort);
    const { session } = connection;
    expect(await windowOf(session, (bytes) => bytes >= 1024 * KiB)).toBe(1024 * KiB);
    const calls = Array.from({ length: 128 }, () => connection.call('/leat.test.Echo/Upload'));
    expect(await windowOf(session, (bytes) => bytes <= 128 * KiB)).toBe(128 * KiB);
    for (const { stream } of calls) stream.destroy();
    expect(await windowOf(session, (bytes) => bytes >= 1024 * KiB)).toBe(1024 * KiB);
  });

  it('leave less to the calls of other connections, for as long as their clients may send', async () => {
    await using test = await startTestServer([echoService({ chat: openForEver })]);
    await using busy = await connectRaw(test.grpcPort);
    await using other = await connectRaw(test.grpcPort);
    expect(await windowOf(other.session, (bytes) => bytes >= 1024 * KiB)).toBe(1024 * KiB);
    const calls = Array.from({ length: 600 }, () => busy.call('/leat.test.Echo/Chat', { paused: true }));
    expect(await windowOf(other.session, (bytes) => bytes <= 32 * KiB)).toBe(32 * KiB);
    // They stay open and cannot send any more.
    for (const { stream } of calls) stream.end();
    expect(await windowOf(other.session, (bytes) => bytes >= 1024 * KiB)).toBe(1024 * KiB);
  });
});

describe('a client that acknowledges settings late', () => {
  it('keeps its connection while calls come and go around a power of two, and gets large windows again', async () => {
    await using test = await startTestServer([echoService()]);
    let isDelaying = false;
    const delayed: (() => void)[] = [];
    await using proxy = await startFrameProxy(test.grpcPort, {
      toServer({ type, flags }, forward) {
        if (isDelaying && type === FRAME_SETTINGS && flags === FLAG_ACK) delayed.push(forward);
        else forward();
      },
    });
    await using connection = await connectRaw(proxy.port);
    const { session } = connection;
    expect(await windowOf(session, (bytes) => bytes >= 1024 * KiB)).toBe(1024 * KiB);
    isDelaying = true;
    const open = Array.from({ length: 16 }, () => connection.call('/leat.test.Echo/Upload'));
    for (let calls = 0; calls < 20; calls++) {
      const call = connection.call('/leat.test.Echo/Upload');
      call.stream.end(frame(Buffer.alloc(0)));
      expect(await call.ended).toMatchObject({ status: 0, reset: 0 });
    }
    for (const { stream } of open) stream.end(frame(Buffer.alloc(0)));
    const ends = await Promise.all(open.map(({ ended }) => ended));
    expect(new Set(ends.map(({ status, reset }) => `${status} ${reset}`))).toEqual(new Set(['0 0']));
    expect(session.destroyed).toBe(false);
    isDelaying = false;
    for (const forward of delayed) forward();
    expect(await windowOf(session, (bytes) => bytes >= 1024 * KiB)).toBe(1024 * KiB);
  });
});

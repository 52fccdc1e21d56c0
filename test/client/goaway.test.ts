import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { ListEventsResponse } from '../../gen/leat/v1/event_service.js';
import { createLeatClient, LeatError } from '../../src/client/index.js';
import { startCuttingProxy, type CuttingProxy } from '../support/cutting-proxy.js';
import { frame } from '../support/raw-http2.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { until } from '../support/until.js';

/** Keepalive checks after the GOAWAY that the call has to survive: the first one was enough to end it. */
const CHECKS = 2;
/** A check fails after half of it: longer than a busy machine stops a process. */
const keepaliveMs = 600;

/** A server that sends one page on each stream, then a graceful GOAWAY, and keeps the streams open. */
interface DrainingServer {
  readonly port: number;
  readonly sessions: readonly ServerHttp2Session[];
  readonly streams: readonly ServerHttp2Stream[];
  /** SETTINGS and PING frames that came on closed sessions. */
  readonly seen: { settings: number; pings: number };
  [Symbol.asyncDispose](): Promise<void>;
}

async function startDrainingServer(): Promise<DrainingServer> {
  const server: Http2Server = createServer();
  const sessions: ServerHttp2Session[] = [];
  const streams: ServerHttp2Stream[] = [];
  const seen = { settings: 0, pings: 0 };
  server.on('session', (session) => {
    sessions.push(session);
    session.on('remoteSettings', () => void (seen.settings += session.closed ? 1 : 0));
    session.on('ping', () => void (seen.pings += session.closed ? 1 : 0));
    session.on('error', () => undefined);
  });
  server.on('stream', (stream) => {
    streams.push(stream.on('error', () => undefined));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    send(stream, 1n);
    stream.resume();
    stream.session?.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    streams,
    seen,
    async [Symbol.asyncDispose]() {
      sessions.forEach((session) => session.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}

function send(stream: ServerHttp2Stream | undefined, headOffset: bigint): void {
  stream?.write(frame(ListEventsResponse.encode(ListEventsResponse.fromPartial({ headOffset })).finish()));
}

let resources: ResourceStack;
let server: DrainingServer;
let proxy: CuttingProxy;
beforeEach(async () => {
  resources = createResourceStack();
  server = resources.use(await startDrainingServer());
  proxy = resources.use(await startCuttingProxy(server.port));
});
afterEach(() => resources.dispose());

/** The next page's head; undefined at the end. */
async function nextHead(pages: AsyncIterator<ListEventsResponse>): Promise<bigint | undefined> {
  const result = await pages.next();
  return result.done === true ? undefined : result.value.headOffset;
}

function listEvents() {
  const client = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}`, keepaliveMs }));
  return client.events.listEvents({ topic: 't', follow: true })[Symbol.asyncIterator]();
}

describe('a call on a connection that the server drains with a GOAWAY', () => {
  it('goes on over many keepalive checks, none of which is a ping, until the server ends it', async () => {
    const pages = listEvents();
    expect(await nextHead(pages)).toBe(1n);
    // The first one says that the client has seen the GOAWAY; a ping before it may have crossed it.
    await until(() => server.seen.settings >= 1);
    const { pings } = server.seen;
    await until(() => server.seen.settings > CHECKS);
    expect(server.seen.pings).toBe(pings);
    const [stream] = server.streams;
    send(stream, 2n);
    expect(await nextHead(pages)).toBe(2n);
    stream?.end();
    expect(await nextHead(pages)).toBeUndefined();
    expect(server.streams).toHaveLength(1);
  });

  it('fails with UNAVAILABLE when the server does not answer any more', async () => {
    const pages = listEvents();
    await pages.next();
    await until(() => server.seen.settings >= 1);
    proxy.freezeNow();
    const error: unknown = await pages.next().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LeatError);
    expect(error).toMatchObject({ code: Status.UNAVAILABLE, reason: 'CONNECTION_LOST', retryable: true });
  });
});

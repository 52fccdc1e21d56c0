import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Gauge } from 'prom-client';
import { type ChildServer, spawnServer } from '../support/child-server.js';
import { connectTcp, type TcpClient } from '../support/tcp-client.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';
import { startTestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const METRICS = 'GET /metrics HTTP/1.1\r\nhost: leat\r\n\r\n';
const PROBE = 'GET /readyz HTTP/1.1\r\nhost: leat\r\n\r\n';
const READY = 'HTTP/1.1 200 OK';
const MAX_CONNECTIONS = 64;

let dir: TempDir;
let server: ChildServer;
let port: number;

beforeAll(async () => {
  dir = await makeTempDir();
  const flags = { 'data-dir': dir.path, 'http-max-connections': MAX_CONNECTIONS, 'http-timeout': '1s' };
  server = spawnServer(flags, ['--max-old-space-size=512']);
  ({ httpPort: port } = await server.serving);
});

afterAll(async () => {
  expect(server.errors()).toBe('');
  await server[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

/** Twenty readiness probes, one after another, each on a connection of its own as an orchestrator does it. */
async function probe(): Promise<void> {
  for (let count = 0; count < 20; count++) {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' } });
    expect([response.status, await response.text()]).toEqual([200, 'ready\n']);
  }
}

async function connectMany(count: number, options?: { isReading: boolean }): Promise<TcpClient[]> {
  return Promise.all(Array.from({ length: count }, () => connectTcp(port, options)));
}

describe('the HTTP port', () => {
  it('answers pipelined requests one by one, in order', async () => {
    await using client = await connectTcp(port);
    client.socket.write((PROBE + PROBE.replace('/readyz', '/none')).repeat(500));
    await client.receives('HTTP/1.1', 1_000);
    await client.receives('/healthz, /readyz, /metrics\n', 500);
    const statuses = client.received().match(/(?<=HTTP\/1\.1 )\d+/g);
    expect(statuses).toEqual(Array.from({ length: 500 }, () => ['200', '404']).flat());
  });

  it('serves others while connections pipeline 2,000 requests each and read nothing', async () => {
    const clients = await connectMany(50, { isReading: false });
    for (const { socket } of clients) socket.pause().write(METRICS.repeat(2_000));
    await probe();
    const { users } = await server.connect();
    await users.listUsers({});
    expect(server.residentBytes()).toBeLessThan(768 * 1024 * 1024);
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });

  it('answers others between the requests that a client pipelines', async () => {
    await using test = await startTestServer([]);
    await using many = await connectTcp(test.httpPort);
    await using other = await connectTcp(test.httpPort);
    many.socket.write(PROBE.repeat(1_000));
    await many.receives(READY, 1);
    other.socket.write(PROBE);
    await other.receives(READY, 1);
    expect(many.received().split(READY).length).toBeLessThan(1_000);
    await many.receives(READY, 1_000);
  });

  it.each([
    ['empty lines without end', ''],
    [
      'more bytes after a response that closes the connection',
      'POST / HTTP/1.1\r\nhost: leat\r\nexpect: 100-continue\r\n',
    ],
  ])('closes a connection that sends %s', async (_, begin) => {
    await using test = await startTestServer([], { 'http-timeout': '1h' });
    await using client = await connectTcp(test.httpPort);
    client.socket.write(begin + '\r\n'.repeat(20_000));
    await client.closed;
    expect(test.log.map(({ message }) => message)).toContain('an HTTP connection was closed: no request');
  });

  it('closes a connection whose client pipelines requests and reads nothing', async () => {
    await using test = await startTestServer([], { 'http-timeout': '100ms' });
    // So large that a few responses fill the buffers of the operating system.
    const help = 'x'.repeat(2 * 1024 * 1024);
    new Gauge({ name: 'test_large', help, registers: [test.server.registry] });
    await using client = await connectTcp(test.httpPort, { isReading: false });
    client.socket.pause().write(METRICS.repeat(2_000));
    await until(() => test.log.some(({ message }) => message === 'an HTTP connection was closed: slow reader'));
    // A client that does not read notices it when it writes.
    await until(() => client.socket.destroyed || !client.socket.write(METRICS));
    await client.closed;
  });

  it('answers a request that comes byte by byte', async () => {
    await using client = await connectTcp(port);
    client.socket.setNoDelay(true);
    for (const byte of `\r\n${PROBE}`) await new Promise((resolve) => client.socket.write(byte, resolve));
    await client.receives('ready\n');
  });

  it('answers a client that half-closes behind its requests', async () => {
    await using client = await connectTcp(port);
    client.socket.end(PROBE.repeat(3));
    await client.closed;
    expect(client.received().split(READY)).toHaveLength(4);
  });

  it.each([
    ['send nothing', ''],
    ['send half a request', 'GET /metrics HTTP/1.1\r\nhost: le'],
    ['send no end of a header', `GET / HTTP/1.1\r\nx: ${'x'.repeat(5_000)}`],
    ['announce a body that never comes', 'POST /metrics HTTP/1.1\r\nhost: leat\r\ncontent-length: 1000000\r\n\r\n'],
    ['keep a connection for later', PROBE],
  ])('answers every probe while more clients than it takes %s', async (_, begin) => {
    const clients = await connectMany(5 * MAX_CONNECTIONS);
    for (const { socket } of clients) socket.write(begin);
    await probe();
    // The port closes them by itself.
    await Promise.all(clients.map(({ closed }) => closed));
  });

  it('answers every probe while more clients than it takes do not read their responses', async () => {
    const clients = await connectMany(2 * MAX_CONNECTIONS, { isReading: false });
    for (const { socket } of clients) socket.pause().write(METRICS.repeat(200));
    await probe();
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });

  it.each([
    ['POST', 'content-length: 1000000000', 405],
    ['POST', 'transfer-encoding: chunked', 405],
    ['GET', 'content-length: 1000000000', 413],
    ['GET', 'content-length: 10\r\nexpect: 100-continue', 413],
  ])('refuses the body of a %s request with %s', async (method, header, status) => {
    await using client = await connectTcp(port);
    client.socket.write(`${method} /metrics HTTP/1.1\r\nhost: leat\r\n${header}\r\n\r\n`);
    await client.receives(`HTTP/1.1 ${status}`);
    expect(client.received()).toContain('connection: close');
    const sending = setInterval(() => client.socket.write(Buffer.alloc(64 * 1024)), 0);
    await client.closed;
    clearInterval(sending);
    expect(client.socket.bytesWritten).toBeLessThan(64 * 1024 * 1024);
  });

  it('counts what it answered, and the connections that it closed', async () => {
    const slow = await connectTcp(port);
    slow.socket.write('GET /');
    await slow.closed;
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(text).toMatch(/leat_http_requests_total\{path="\/readyz",status="200"\} \d+/);
    expect(text).toMatch(/leat_http_connections_closed_total\{reason="slow request"\} \d+/);
    expect(text).toMatch(/leat_http_connections \d+/);
    // However many there were, the log has one line of each kind.
    const lines = server.lines.filter(({ msg }) => String(msg).startsWith('an HTTP connection'));
    expect(new Set(lines.map(({ msg }) => msg)).size).toBe(lines.length);
  });

  it('renders metrics once for all who ask at the same time', async () => {
    await using test = await startTestServer([]);
    let renderings = 0;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    new Gauge({
      name: 'test_renderings',
      help: 'x',
      registers: [test.server.registry],
      collect: () => ((renderings += 1) === 1 ? released : undefined),
    });
    const clients = await Promise.all(Array.from({ length: 50 }, () => connectTcp(test.httpPort)));
    for (const { socket } of clients) await new Promise((resolve) => socket.write(METRICS, resolve));
    await until(() => renderings === 1);
    // What was sent before this request has come when it is answered.
    await fetch(`http://127.0.0.1:${test.httpPort}/healthz`);
    release();
    await Promise.all(clients.map((client) => client.receives('test_renderings')));
    for (const client of clients) await client[Symbol.asyncDispose]();
    // One for those who came first, one for those who came meanwhile, and one more if a request was late all the same.
    expect(renderings).toBeLessThanOrEqual(3);
  });

  it('logs, counts and answers 500 when a metric cannot be read', async () => {
    await using test = await startTestServer([]);
    const metric = new Gauge({
      name: 'test_broken',
      help: 'x',
      registers: [test.server.registry],
      collect: () => {
        throw new Error('the metric is broken');
      },
    });
    const url = `http://127.0.0.1:${test.httpPort}/metrics`;
    for (let count = 0; count < 3; count++) expect((await fetch(url)).status).toBe(500);
    expect(test.log).toMatchObject([
      { level: 'warn', message: 'GET /metrics failed', err: { message: 'the metric is broken' } },
    ]);
    test.server.registry.removeSingleMetric('test_broken');
    expect(metric).toBeDefined();
    const text = await (await fetch(url)).text();
    expect(text).toContain('leat_http_requests_total{path="/metrics",status="500"} 3');
  });
});

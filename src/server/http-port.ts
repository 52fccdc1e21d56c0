import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Address } from '../config.js';
import type { CallLogger } from '../middleware/call-log.js';
import { createHttpConnections, type HttpConnections } from './http-connections.js';
import { createMetricsPage } from './metrics-page.js';
import { createRareLog } from './rare-log.js';
import { RequestGate } from './request-gate.js';
import { detach } from '../streams/detach.js';

export interface HttpPort {
  /** Resolves with the port. Rejects if the address cannot be listened on. */
  listen(address: Address): Promise<number>;
  /** Answers what has begun, for a second at most. Repeating it is harmless. */
  close(): Promise<void>;
}

export interface HttpPortDeps {
  readonly registry: Registry;
  readonly isReady: () => boolean;
  /** Whether only reads, and what frees space, are served. Such a server is ready, and says so in words. */
  readonly isFull: () => boolean;
  readonly log: CallLogger;
  readonly maxConnections: number;
  /** How long a client may take to send a request, and to read the response, in milliseconds. */
  readonly timeoutMs: number;
}

interface Answer {
  readonly status: number;
  readonly body: string | Buffer;
  readonly type?: string;
}

type Route = () => Answer | Promise<Answer>;

/** All headers of a request together, in bytes. */
const MAX_HEADER_SIZE = 8_192;
const CLOSE_GRACE_MS = 1_000;

/**
 * `/healthz` (the process lives), `/readyz` (it takes calls), `/metrics` (Prometheus). Clients that are slow, many, or
 * do not read what they asked for are closed, so that probes are always answered.
 */
export function createHttpPort(deps: HttpPortDeps): HttpPort {
  const { registry, log } = deps;
  const warn = createRareLog(log);
  const { requests, closed } = createCounters(registry);
  const connections = createHttpConnections({
    ...deps,
    onClosed(reason) {
      closed.inc({ reason });
      warn(`an HTTP connection was closed: ${reason}`);
    },
  });
  new Gauge({
    name: 'leat_http_connections',
    help: 'Connections to the HTTP port.',
    registers: [registry],
    collect() {
      this.set(connections.size);
    },
  });
  let closing: Promise<void> | undefined;
  const respond = createResponder(createRoutes(deps), {
    isClosing: () => closing !== undefined,
    onFailed: (path, err) => warn(`GET ${path} failed`, { err }),
    onAnswered: (path, status) => requests.inc({ path, status }),
  });
  // It only parses and formats: connections, their number and their time are ours.
  const http = createHttpServer({ maxHeaderSize: MAX_HEADER_SIZE }, respond).on('checkContinue', respond);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    http.emit('connection', connections.add(socket));
  });
  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          // Without a listener a failed accept, for want of file descriptors for example, would end the process.
          server.on('error', (err) => warn('an HTTP connection could not be accepted', { err }));
          resolve((server.address() as AddressInfo).port);
        });
      }),
    close: () => (closing ??= closeServer(server, connections)),
  };
}

function createCounters(registry: Registry) {
  const requests = new Counter({
    name: 'leat_http_requests_total',
    help: 'Requests to the HTTP port that were answered.',
    labelNames: ['path', 'status'],
    registers: [registry],
  });
  const closed = new Counter({
    name: 'leat_http_connections_closed_total',
    help: 'Connections to the HTTP port that were closed early: it was full, or the client was slow.',
    labelNames: ['reason'],
    registers: [registry],
  });
  return { requests, closed };
}

function createRoutes({ registry, isReady, isFull }: HttpPortDeps): ReadonlyMap<string, Route> {
  const page = createMetricsPage(registry);
  const ready = () => (isFull() ? 'ready for reads: the disk is full\n' : 'ready\n');
  return new Map<string, Route>([
    ['/healthz', () => ({ status: 200, body: 'ok\n' })],
    ['/readyz', () => (isReady() ? { status: 200, body: ready() } : { status: 503, body: 'not ready\n' })],
    ['/metrics', async () => ({ status: 200, body: await page.render(), type: page.contentType })],
  ]);
}

function closeServer(server: Server, connections: HttpConnections): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => connections.closeAll(), CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    connections.closeIdle();
  });
}

interface ResponderHooks {
  readonly isClosing: () => boolean;
  readonly onFailed: (path: string, error: unknown) => void;
  /** `path`: one of the routes, or "other". */
  readonly onAnswered: (path: string, status: number) => void;
}

function createResponder(routes: ReadonlyMap<string, Route>, { isClosing, onFailed, onAnswered }: ResponderHooks) {
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0] ?? '';
    const { status, body, type = 'text/plain; charset=utf-8' } = await answer(path, request);
    onAnswered(routes.has(path) ? path : 'other', status);
    if (status === 405) response.setHeader('allow', 'GET, HEAD');
    // A body is never read; without it the connection cannot be used again.
    if (hasBody(request) || isClosing()) response.setHeader('connection', 'close');
    response.once('finish', () => request.socket instanceof RequestGate && request.socket.next());
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async function answer(path: string, request: IncomingMessage): Promise<Answer> {
    const route = routes.get(path);
    if (route === undefined) return { status: 404, body: `there is ${[...routes.keys()].join(', ')}\n` };
    if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'use GET\n' };
    if (hasBody(request)) return { status: 413, body: 'send no body\n' };
    try {
      return await route();
    } catch (error) {
      onFailed(path, error);
      return { status: 500, body: `internal error; the server's log has the cause\n` };
    }
  }

  return (request: IncomingMessage, response: ServerResponse) => detach(respond(request, response));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

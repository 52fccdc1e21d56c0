import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Address } from '../config.js';

export interface HttpPort {
  /** Resolves with the port. Rejects if the address cannot be listened on. */
  listen(address: Address): Promise<number>;
  /** Answers what has begun, for a second at most. Repeating it is harmless. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

type Route = () => Answer | Promise<Answer>;

const LIMITS = { maxHeaderSize: 8_192, headersTimeout: 5_000, requestTimeout: 5_000, keepAliveTimeout: 5_000 };
const MAX_CONNECTIONS = 256;
const CLOSE_GRACE_MS = 1_000;

/** `/healthz` (the process lives), `/readyz` (it takes calls), `/metrics` (Prometheus). */
export function createHttpPort(deps: { readonly registry: Registry; readonly isReady: () => boolean }): HttpPort {
  const { registry, isReady } = deps;
  const routes = new Map<string, Route>([
    ['/healthz', () => ({ status: 200, body: 'ok\n' })],
    ['/readyz', () => (isReady() ? { status: 200, body: 'ready\n' } : { status: 503, body: 'not ready\n' })],
    ['/metrics', async () => ({ status: 200, body: await registry.metrics(), type: registry.contentType })],
  ]);
  const server = createServer(LIMITS, (request, response) => void respond(routes, request, response));
  server.maxConnections = MAX_CONNECTIONS;
  let closing: Promise<void> | undefined;
  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    close: () => (closing ??= closeServer(server)),
  };
}

function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

async function respond(routes: ReadonlyMap<string, Route>, request: IncomingMessage, response: ServerResponse) {
  const { status, body, type = 'text/plain; charset=utf-8' } = await answer(routes, request);
  if (status === 405) response.setHeader('allow', 'GET, HEAD');
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
  // Nobody needs the body of a request here; what is not read would keep the connection.
  request.resume();
}

async function answer(routes: ReadonlyMap<string, Route>, { url = '', method }: IncomingMessage): Promise<Answer> {
  const route = routes.get(url.split('?', 1)[0] ?? '');
  if (route === undefined) return { status: 404, body: `there is ${[...routes.keys()].join(', ')}\n` };
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'use GET\n' };
  try {
    return await route();
  } catch {
    return { status: 500, body: 'internal error\n' };
  }
}

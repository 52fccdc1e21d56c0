import { request } from 'node:http';
import { createChannel, createClient } from 'nice-grpc';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import type { Ports } from '../../src/server/leat-server.js';
import { type ChildServer, spawnServer } from './child-server.js';
import { makeTempDir } from './temp-dir.js';

const MiB = 1024 * 1024;

/** The process must stay below this while it is attacked. */
export const MAX_RESIDENT_BYTES = 768 * MiB;

/** A server in a process of its own whose heap is bounded, for attacks on it. */
export interface HostileServer extends ChildServer {
  readonly ports: Ports;
  /** The largest resident memory seen so far, in bytes; looked at every 20 ms. */
  maxResidentBytes(): number;
  /** Sends `count` probes, one after the other, each on new connections. Resolves with how many succeeded. */
  probe(count: number): Promise<number>;
  /** The value of a metric without labels, or with exactly these (`{reason="x"}`); 0 if there is none. */
  metric(name: string): Promise<number>;
}

/** `heapMiB`: `--max-old-space-size`. */
export async function startHostileServer(
  flags: Readonly<Record<string, unknown>> = {},
  heapMiB = 512,
): Promise<HostileServer> {
  const dir = await makeTempDir();
  const child = spawnServer({ 'data-dir': dir.path, ...flags }, [`--max-old-space-size=${heapMiB}`]);
  const ports = await child.serving;
  let max = child.residentBytes();
  const look = setInterval(() => (max = Math.max(max, residentOf(child))), 20).unref();
  return {
    ...child,
    ports,
    maxResidentBytes: () => Math.max(max, residentOf(child)),
    probe: async (count) => {
      let succeeded = 0;
      for (let i = 0; i < count; i++) if (await isServed(ports)) succeeded++;
      return succeeded;
    },
    metric: async (name) => {
      const line = (await get(ports.httpPort, '/metrics')).body.split('\n').find((text) => text.startsWith(`${name} `));
      return Number(line?.slice(name.length + 1) ?? 0);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(look);
      await child[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** 0 once the process has ended. */
function residentOf(child: ChildServer): number {
  try {
    return child.residentBytes();
  } catch {
    return 0;
  }
}

/** Longer than this and a probe has failed, in milliseconds. */
const PROBE_TIMEOUT_MS = 10_000;

/** Whether readiness and one unary call succeed, on new connections. */
async function isServed({ grpcPort, httpPort }: Ports): Promise<boolean> {
  const channel = createChannel(`127.0.0.1:${grpcPort}`);
  try {
    const events = createClient(EventServiceDefinition, channel);
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const [ready] = await Promise.all([get(httpPort, '/readyz'), events.listTopics({}, { signal })]);
    return ready.status === 200;
  } catch {
    return false;
  } finally {
    channel.close();
  }
}

function get(port: number, path: string): Promise<{ readonly status: number | undefined; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, agent: false, timeout: PROBE_TIMEOUT_MS };
    const sent = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode, body })).on('error', reject);
    });
    sent.on('error', reject).on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.end();
  });
}

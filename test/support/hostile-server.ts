import { request } from 'node:http';
import { expect } from '@jest/globals';
import { createChannel, createClient } from 'nice-grpc';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import type { Ports } from '../../src/server/leat-server.js';
import { type Latencies, startBystander } from './bystander.js';
import { type ChildServer, spawnServer } from './child-server.js';
import { makeTempDir } from './temp-dir.js';
import { untilPolled } from './until.js';
import { isLong } from './long-form.js';

const MiB = 1024 * 1024;

/** The process must stay below this while it is attacked. */
export const MAX_RESIDENT_BYTES = 768 * MiB;

/** How long the process may take to recover when an attacker has left, in milliseconds; checked in the long form. */
export const MAX_RECOVERY_MS = 5_000;
/** A unary call of a server that has recovered takes less, in milliseconds. */
const MAX_LATENCY_MS = 1_000;

/** A server in a process of its own whose heap is bounded, for attacks on it. */
export interface HostileServer extends ChildServer {
  readonly ports: Ports;
  /** The largest resident memory seen so far, in bytes; looked at every 20 ms. */
  maxResidentBytes(): number;
  /** Sends `count` probes, one after the other, each on new connections. Resolves with how many succeeded. */
  probe(count: number): Promise<number>;
  /** Why probes have failed. */
  readonly probeErrors: readonly string[];
  /** Resolves with the milliseconds until the condition holds and a probe succeeds at the usual speed. */
  recovers(condition: () => boolean | Promise<boolean>): Promise<number>;
  /** Does `attack`; in the long form another client calls every 50 ms meanwhile, and its latencies are printed. */
  whileCalled<T>(attack: () => Promise<T>): Promise<T>;
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
  const probeErrors: string[] = [];
  async function probe(count: number): Promise<number> {
    const failed = probeErrors.length;
    for (let i = 0; i < count; i++) await sendProbe(ports).catch((error: unknown) => probeErrors.push(String(error)));
    return count - (probeErrors.length - failed);
  }
  async function isFast(): Promise<boolean> {
    const startedAt = performance.now();
    return (await probe(1)) === 1 && performance.now() - startedAt < MAX_LATENCY_MS;
  }
  return {
    ...child,
    ports,
    maxResidentBytes: () => Math.max(max, residentOf(child)),
    probe,
    probeErrors,
    recovers: async (condition) => {
      const startedAt = performance.now();
      await untilPolled(async () => (await condition()) && (await isFast()));
      return performance.now() - startedAt;
    },
    whileCalled: async (attack) => {
      if (!isLong) return attack();
      const bystander = await startBystander(ports.grpcPort);
      return attack().finally(async () => print(await bystander.leave(), max));
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

function print({ calls, failed, p50, p99, max }: Latencies, residentBytes: number): void {
  const latency = `unary calls of another client: p50 ${p50} ms, p99 ${p99} ms, at most ${max} ms`;
  const test = expect.getState().currentTestName;
  console.log(`${test}\n${latency}; ${failed} of ${calls} failed; RSS at most ${Math.round(residentBytes / MiB)} MiB`);
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
const PROBE_TIMEOUT_MS = 30_000;

/** Checks readiness and makes one unary call, on new connections. */
async function sendProbe({ grpcPort, httpPort }: Ports): Promise<void> {
  const channel = createChannel(`127.0.0.1:${grpcPort}`);
  try {
    const events = createClient(EventServiceDefinition, channel);
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const [ready] = await Promise.all([get(httpPort, '/readyz'), events.listTopics({}, { signal })]);
    if (ready.status !== 200) throw new Error(`/readyz answered ${ready.status}`);
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

import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createChannel, createClient } from 'nice-grpc';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';

/** A client that makes a unary call every 50 ms, in a thread of its own: the attacker's work does not delay it. */
export interface Bystander {
  /** Ends when all its calls are over. */
  leave(): Promise<Latencies>;
}

/** Of all calls, in milliseconds. */
export interface Latencies {
  readonly calls: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const INTERVAL_MS = 50;
/** A call that takes longer has failed, in milliseconds. */
const TIMEOUT_MS = 30_000;

/** Resolves when its first call has succeeded. */
export async function startBystander(port: number): Promise<Bystander> {
  const worker = new Worker(new URL(import.meta.url), { workerData: port });
  await once(worker, 'message');
  return {
    async leave() {
      worker.postMessage('leave');
      const [latencies] = (await once(worker, 'message')) as [Latencies];
      await worker.terminate();
      return latencies;
    },
  };
}

async function run(port: number, parent: NonNullable<typeof parentPort>): Promise<void> {
  const channel = createChannel(`127.0.0.1:${port}`);
  const events = createClient(EventServiceDefinition, channel);
  const times: number[] = [];
  let failed = 0;
  const call = async () => {
    const startedAt = performance.now();
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    await events.listTopics({}, { signal }).catch(() => failed++);
    times.push(performance.now() - startedAt);
  };
  await call();
  const open = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const next = call().finally(() => open.delete(next));
    open.add(next);
  }, INTERVAL_MS);
  parent.postMessage('started');
  await once(parent, 'message');
  clearInterval(timer);
  await Promise.all(open);
  channel.close();
  times.sort((a, b) => a - b);
  const at = (part: number) => Math.round(times[Math.ceil(part * times.length) - 1] ?? 0);
  parent.postMessage({ calls: times.length, failed, p50: at(0.5), p99: at(0.99), max: at(1) } satisfies Latencies);
}

if (!isMainThread && parentPort) await run(workerData as number, parentPort);

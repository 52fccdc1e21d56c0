import { Worker } from 'node:worker_threads';
import { DomainError, fromPlainError, toPlainError } from '../../domain/errors.js';
import type { Change, ResultOf, WriteOptions } from '../store.js';
import { chainBroken } from './chains.js';
import { outcomeUnknown, storeClosed } from './sqlite-errors.js';
import type { Outcome, Unit } from './transactions.js';
import type { WriterOptions, WriterReply, WriterRequest } from './writer-worker.js';

/** Transactions that are under way at once: one commits while the next one is on its way (chains.ts relies on 2). */
const IN_FLIGHT = 2;
/** A transaction takes what waits, up to these. */
const MAX_UNITS = 1024;
const MAX_BYTES = 4 * 1024 * 1024;
/** What may wait for the disk, in bytes of changes; beyond it callers are told to come back. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** What a change costs besides its bytes, so that many small ones are bounded too. */
const CHANGE_OVERHEAD = 512;

interface Waiting {
  readonly unit: Unit;
  readonly chain: object | undefined;
  readonly bytes: number;
  resolve(results: readonly ResultOf<Change>[]): void;
  reject(error: unknown): void;
}

export interface WriterEvents {
  /** Topics that have new events, after they are durable. */
  onGrown(topics: readonly string[]): void;
  /** The writer is dead and the outcome of what was under way unknown: the process must end with a non-zero code. */
  onFatal(error: unknown): void;
}

/**
 * The main thread's side of the writer: collects units while the thread commits the ones before, first come first
 * served, and settles each when it is on disk.
 */
export function createWriter(options: WriterOptions, events: WriterEvents) {
  const worker = new Worker(new URL('./writer-worker.js', import.meta.url), { workerData: options });
  const queue: Waiting[] = [];
  const inFlight: Waiting[][] = [];
  const chainIds = new WeakMap<object, number>();
  const brokenChains = new WeakSet<object>();
  let nextChainId = 1;
  let waitingBytes = 0;
  let scheduled = false;
  let ended: DomainError | undefined;
  let onClosed: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (onClosed = resolve));
  const drained: (() => void)[] = [];

  function write(from: readonly Change[], { chain }: WriteOptions = {}): Promise<readonly ResultOf<Change>[]> {
    const refusal = ended ?? (chain && brokenChains.has(chain) ? chainBroken() : undefined);
    if (refusal) return Promise.reject(refusal);
    if (waitingBytes > MAX_WAITING_BYTES) return Promise.reject(refuse(overloaded(), chain));
    const changes = from.map(ownBytes);
    const bytes = changes.reduce((sum, change) => sum + CHANGE_OVERHEAD + payload(change).byteLength, 0);
    waitingBytes += bytes;
    return new Promise((resolve, reject) => {
      queue.push({ unit: { changes, chain: chain && chainId(chain) }, chain, bytes, resolve, reject });
      schedule();
    });
  }

  function chainId(chain: object): number {
    const id = chainIds.get(chain) ?? nextChainId++;
    chainIds.set(chain, id);
    return id;
  }

  /** Nothing of the chain is sent from now on. */
  function refuse(error: DomainError, chain: object | undefined): DomainError {
    if (chain) brokenChains.add(chain);
    return error;
  }

  /** Sends at the end of this turn of the event loop, so that all that arrived in it goes together. */
  function schedule(): void {
    if (scheduled || inFlight.length >= IN_FLIGHT) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (queue.length > 0 && inFlight.length < IN_FLIGHT && !ended) send();
    });
  }

  function send(): void {
    const batch = takeBatch(queue);
    inFlight.push(batch);
    const units = batch.map((waiting) => waiting.unit);
    post(
      { units },
      units.flatMap(({ changes }) => changes.map((change) => payload(change).buffer as ArrayBuffer)),
    );
    if (queue.length > 0) schedule();
  }

  function post(request: WriterRequest, transfer: ArrayBuffer[] = []): void {
    worker.postMessage(request, [...new Set(transfer)]);
  }

  function onReply(reply: WriterReply): void {
    if ('closed' in reply) return onClosed();
    const batch = inFlight.shift() ?? [];
    events.onGrown(reply.grown);
    for (const [index, waiting] of batch.entries()) settle(waiting, reply.outcomes[index]);
    for (const waiting of takeBroken()) settle(waiting, { error: toPlainError(chainBroken()) });
    if (queue.length > 0) schedule();
    else if (inFlight.length === 0) for (const resolve of drained.splice(0)) resolve();
  }

  function settle(waiting: Waiting, outcome: Outcome | undefined): void {
    waitingBytes -= waiting.bytes;
    if (outcome && 'results' in outcome) return waiting.resolve(outcome.results);
    waiting.reject(refuse(outcome ? fromPlainError(outcome.error) : outcomeUnknown(), waiting.chain));
  }

  /** Takes out of the queue what is behind a failure that just became known. */
  function takeBroken(): Waiting[] {
    const taken = queue.filter(({ chain }) => chain && brokenChains.has(chain));
    if (taken.length > 0) queue.splice(0, queue.length, ...queue.filter((waiting) => !taken.includes(waiting)));
    return taken;
  }

  function onDeath(error: unknown): void {
    const dead = outcomeUnknown(error);
    const fatal = !ended || inFlight.length > 0;
    ended ??= dead;
    for (const waiting of [...inFlight.splice(0).flat(), ...queue.splice(0)]) waiting.reject(dead);
    for (const resolve of drained.splice(0)) resolve();
    onClosed();
    if (fatal) events.onFatal(error);
  }

  async function close(): Promise<void> {
    if (!ended) {
      if (queue.length > 0 || inFlight.length > 0) await idle();
      ended ??= storeClosed();
      post({ close: true });
    }
    await closed;
    await worker.terminate();
  }

  /** Resolves when all that was accepted is settled; what comes meanwhile is still accepted. */
  function idle(): Promise<void> {
    return new Promise((resolve) => drained.push(resolve));
  }

  worker.on('message', onReply);
  worker.on('error', onDeath);
  worker.on('exit', (code) => {
    if (code !== 0 || !ended) onDeath(new Error(`the writer thread ended with code ${code}`));
  });

  return { write, close, waitingBytes: () => waitingBytes };
}

/** Takes from the front of the queue what one transaction holds. */
function takeBatch(queue: Waiting[]): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const waiting of queue) {
    if (count > 0 && (count >= MAX_UNITS || bytes + waiting.bytes > MAX_BYTES)) break;
    bytes += waiting.bytes;
    count++;
  }
  return queue.splice(0, count);
}

/** A change whose event bytes are its own, so that they can move to the thread without a second copy. */
function ownBytes(change: Change): Change {
  switch (change.kind) {
    case 'append-events':
      return { ...change, events: { ...change.events, bytes: new Uint8Array(change.events.bytes) } };
    case 'put-user':
      return {
        ...change,
        record: new Uint8Array(change.record),
        createDigest: new Uint8Array(change.createDigest),
        event: { ...change.event, bytes: new Uint8Array(change.event.bytes) },
      };
    case 'remove-user':
      return { ...change, event: { ...change.event, bytes: new Uint8Array(change.event.bytes) } };
    default:
      return change;
  }
}

const NOTHING = new Uint8Array();

function payload(change: Change): Uint8Array {
  if (change.kind === 'append-events') return change.events.bytes;
  if (change.kind === 'put-user' || change.kind === 'remove-user') return change.event.bytes;
  return NOTHING;
}

function overloaded(): DomainError {
  return new DomainError('exhausted', 'OVERLOADED', 'too much is waiting for the disk: try again in a moment', {
    retryAfterMs: 200,
  });
}

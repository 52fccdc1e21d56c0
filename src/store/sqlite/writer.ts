import { Worker } from 'node:worker_threads';
import type { DomainError } from '../../domain/errors.js';
import type { Change, ResultOf, WriteOptions } from '../store.js';
import type { Warn } from './schema.js';
import { transferables } from './owned-change.js';
import { outcomeUnknown, storeClosed } from './sqlite-errors.js';
import { type Waiting, createWriteQueue } from './write-queue.js';
import type { WriterOptions, WriterReply, WriterRequest } from './writer-worker.js';

/** Transactions that are under way at once: one commits while the next one is on its way (chains.ts relies on 2). */
const IN_FLIGHT = 2;

export interface WriterEvents {
  /** Topics that have new events, after they are durable. */
  onGrown(topics: readonly string[]): void;
  readonly onWarning: Warn;
  /** The writer is dead and the outcome of what was under way unknown: the process must end with a non-zero code. */
  onFatal(error: unknown): void;
}

/**
 * The main thread's side of the writer: collects units while the thread commits the ones before, and settles each when
 * it is on disk.
 */
export function createWriter(options: WriterOptions, events: WriterEvents) {
  const worker = new Worker(new URL('./writer-worker.js', import.meta.url), { workerData: options });
  const queue = createWriteQueue();
  const inFlight: Waiting[][] = [];
  let isScheduled = false;
  /** Set once no more writes are taken: by `close`, or by the writer's death. */
  let refusal: DomainError | undefined;
  let isDead = false;
  let isFull = false;
  let onIdle: (() => void) | undefined;
  let onClosed: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (onClosed = resolve));

  function write(changes: readonly Change[], how: WriteOptions = {}): Promise<readonly ResultOf<Change>[]> {
    if (refusal) return Promise.reject(refusal);
    const settled = queue.add(changes, how);
    schedule();
    return settled;
  }

  /** Sends at the end of this turn of the event loop, so that all that arrived in it goes together. */
  function schedule(): void {
    if (isScheduled || isDead || queue.isEmpty || inFlight.length >= IN_FLIGHT) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      if (!isDead) send(queue.take());
      schedule();
    });
  }

  function send(batch: Waiting[]): void {
    if (batch.length === 0) return;
    inFlight.push(batch);
    const units = batch.map(({ unit }) => unit);
    worker.postMessage({ units } satisfies WriterRequest, transferables(units.flatMap(({ changes }) => changes)));
  }

  function onReply(reply: WriterReply): void {
    if ('closed' in reply) return onClosed();
    if ('warning' in reply) return events.onWarning(reply.values, reply.warning);
    if ('isFull' in reply) return void (isFull = reply.isFull);
    events.onGrown(reply.grown);
    queue.settle(inFlight.shift() ?? [], reply.outcomes);
    schedule();
    if (inFlight.length === 0 && queue.isEmpty) onIdle?.();
  }

  function onDeath(error: unknown): void {
    if (isDead) return;
    isDead = true;
    refusal ??= outcomeUnknown(error);
    for (const batch of inFlight.splice(0)) queue.settle(batch, []);
    queue.rejectAll(outcomeUnknown(error));
    onIdle?.();
    onClosed();
    events.onFatal(error);
  }

  /** Refuses what comes from now on, waits for what was accepted, and ends the thread. */
  async function close(): Promise<void> {
    refusal ??= storeClosed();
    if (!isDead && (inFlight.length > 0 || !queue.isEmpty)) await new Promise<void>((resolve) => (onIdle = resolve));
    if (!isDead) worker.postMessage({ close: true } satisfies WriterRequest);
    await closed;
    isDead = true;
    await worker.terminate();
  }

  worker.on('message', onReply);
  worker.on('error', onDeath);
  worker.on('exit', (code) => {
    if (code !== 0 || !refusal) onDeath(new Error(`the writer thread ended with code ${code}`));
  });

  return {
    write,
    close,
    room: queue.room,
    /** True while the disk is too full for writes that do not free space. */
    get isFull() {
      return isFull;
    },
  };
}

export type Writer = ReturnType<typeof createWriter>;

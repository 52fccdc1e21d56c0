import { Worker } from 'node:worker_threads';
import { type DomainError, fromPlainError } from '../../domain/errors.js';
import { byteStoreClosed } from './byte-errors.js';
import type { ByteReply, ByteRequest, ByteTask, ByteWorkerOptions } from './byte-worker.js';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * The main thread's side of the worker: asks, and settles what was asked.
 * @param onFatal called once if the worker dies
 */
export function createByteThread(options: ByteWorkerOptions, onFatal: (error: unknown) => void) {
  const worker = new Worker(new URL('./byte-worker.js', import.meta.url), { workerData: options });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let refusal: DomainError | undefined;
  let closing: Promise<void> | undefined;

  function ask<T>(file: number, task: ByteTask, transfer: readonly ArrayBuffer[] = []): Promise<T> {
    if (refusal) return Promise.reject(refusal);
    const id = ++lastId;
    worker.postMessage({ id, file, task } satisfies ByteRequest, transfer);
    return new Promise<T>((resolve, reject) => waiting.set(id, { resolve, reject }));
  }

  function onReply(reply: ByteReply): void {
    const one = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('error' in reply) one?.reject(fromPlainError(reply.error));
    else one?.resolve(reply.value);
  }

  function onEnd(error?: unknown): void {
    const isExpected = refusal !== undefined;
    refusal ??= byteStoreClosed();
    for (const one of waiting.values()) one.reject(refusal);
    waiting.clear();
    if (!isExpected) onFatal(error);
  }

  worker.on('message', onReply);
  worker.on('error', onEnd);
  worker.on('exit', (code) => onEnd(new Error(`the thread of the files ended with code ${code}`)));

  async function close(): Promise<void> {
    refusal ??= byteStoreClosed();
    await worker.terminate();
  }

  return { ask, close: () => (closing ??= close()) };
}

export type ByteThread = ReturnType<typeof createByteThread>;

import { parentPort, workerData } from 'node:worker_threads';
import { isDomainError, type PlainDomainError, toPlainError } from '../../domain/errors.js';
import type { ByteDigest } from '../byte-store.js';
import { byteError } from './byte-errors.js';
import { DirectorySync } from './directory-sync.js';
import { createLimiter } from './limiter.js';
import { OpenFile } from './open-file.js';

/** What is asked of the worker about the file with this number. Asked in order, begun in order. */
export type ByteTask =
  | { readonly kind: 'open'; readonly fileId: string; readonly size: number }
  | { readonly kind: 'write'; readonly pieces: readonly Uint8Array[] }
  | { readonly kind: 'is-same'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'sync' }
  | { readonly kind: 'digest' }
  | { readonly kind: 'close' };

export interface ByteRequest {
  readonly id: number;
  readonly file: number;
  readonly task: ByteTask;
}

export type ByteReply = { readonly id: number } & (
  { readonly value: boolean | ByteDigest | undefined } | { readonly error: PlainDomainError }
);

export interface ByteWorkerOptions {
  readonly directory: string;
}

/**
 * Syncs at a time. Each takes one of the four threads that all of the process's file operations share, and with none
 * left reads would wait for the disk: 64 syncs at once left 100 of 940 reads a second.
 */
const MAX_SYNCS = 2;

function run(port: NonNullable<typeof parentPort>, { directory }: ByteWorkerOptions): void {
  const files = new Map<number, OpenFile>();
  const shared = { path: directory, directory: new DirectorySync(directory), syncs: createLimiter(MAX_SYNCS) };

  function fileOf(number: number): OpenFile {
    const file = files.get(number);
    if (!file) throw new Error(`file ${number} is not open`);
    return file;
  }

  function perform(number: number, task: ByteTask): Promise<ByteDigest | void> | boolean | void {
    switch (task.kind) {
      case 'open':
        return void files.set(number, OpenFile.open(task.fileId, task.size, shared));
      case 'write':
        return fileOf(number).write(task.pieces);
      case 'is-same':
        return fileOf(number).isSame(task.offset, task.bytes);
      case 'sync':
        return fileOf(number).sync();
      case 'digest':
        return fileOf(number).digest();
      case 'close': {
        const file = files.get(number);
        files.delete(number);
        return file?.close();
      }
    }
  }

  async function answer({ id, file, task }: ByteRequest): Promise<void> {
    try {
      const value = (await perform(file, task)) ?? undefined;
      port.postMessage({ id, value } satisfies ByteReply);
    } catch (error) {
      const told = byteError(error);
      if (!isDomainError(told)) throw error;
      port.postMessage({ id, error: toPlainError(told) } satisfies ByteReply);
    }
  }

  // What nobody expected ends the thread, and with it the process.
  port.on('message', (request: ByteRequest) => {
    answer(request).catch((error: unknown) => {
      throw error;
    });
  });
}

if (parentPort) run(parentPort, workerData as ByteWorkerOptions);

import { constants, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Status } from 'nice-grpc';
import { clientReasons, LeatError } from '../leat-error.js';
import { openByteReader, type ByteReader } from './byte-reader.js';
import { createKeptFeed } from './kept-feed.js';
import { createReopenedFeed, type ReopenableSource } from './reopened-feed.js';
import { pieceLimits, type SourceFeed } from './source-feed.js';
import { hasTrueSize, trueStats } from './true-size.js';
import type { UploadOptions, UploadSource } from './upload-options.js';

/** Throws SOURCE_FAILED for what cannot be opened or is no source. */
export async function openSource(
  source: UploadSource,
  { size, windowBytes = 32 << 20 }: Pick<UploadOptions, 'size' | 'windowBytes'>,
): Promise<SourceFeed> {
  try {
    if (typeof source === 'string') return await openFile(source, windowBytes);
    if (source instanceof Uint8Array) return createReopenedFeed(bytesSource(source));
    if (typeof source !== 'function') return createKeptFeed(openByteReader(source), { size }, windowBytes);
    return createReopenedFeed({ size, open: async (offset) => openByteReader(await source(offset)) });
  } catch (error) {
    throw sourceFailed(error);
  }
}

export function sourceFailed(error: unknown): LeatError {
  if (error instanceof LeatError) return error;
  const { message } = LeatError.from(error);
  return new LeatError(`the source failed: ${message}`, {
    code: Status.UNKNOWN,
    reason: clientReasons.sourceFailed,
    cause: error,
  });
}

function bytesSource(bytes: Uint8Array): ReopenableSource {
  const all = async function* (offset: number) {
    yield bytes.subarray(offset);
  };
  return { size: bytes.length, open: (offset) => Promise.resolve(openByteReader(all(offset))) };
}

/** One handle for all tries, so that a file that is replaced meanwhile stays the one that it was. */
async function openFile(file: string, windowBytes: number): Promise<SourceFeed> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) throw new TypeError(`${file} is not a regular file; open it, and pass the stream`);
    const stats = await trueStats(handle, before);
    if (stats !== undefined) return createReopenedFeed(fileSource(file, handle, stats));
    // What it has can be something else the next time, so it is read once, like a stream.
    return createKeptFeed(readOnce(handle), { name: path.basename(file) }, windowBytes);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function readOnce(handle: FileHandle): ByteReader {
  const reader = openByteReader(readStream(handle));
  return { read: () => reader.read(), close: () => reader.close().finally(() => handle.close()) };
}

async function* readStream(handle: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.allocUnsafe(pieceLimits.bytes), position: null });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function fileSource(file: string, handle: FileHandle, before: BigIntStats): ReopenableSource {
  const size = Number(before.size);
  return {
    size,
    name: path.basename(file),
    open: (offset) => Promise.resolve(openByteReader(readFile(handle, offset, size))),
    async confirm() {
      const now = await handle.stat({ bigint: true });
      const isSame = now.size === before.size && now.mtimeNs === before.mtimeNs;
      if (!isSame || !(await hasTrueSize(handle, size))) throw sourceChanged(file);
    },
    close: () => handle.close(),
  };
}

/** Up to `end`, or to the end that the file has by now. */
async function* readFile(handle: FileHandle, offset: number, end: number): AsyncGenerator<Uint8Array> {
  for (let position = offset; position < end;) {
    const buffer = Buffer.allocUnsafe(Math.min(pieceLimits.bytes, end - position));
    const { bytesRead } = await handle.read({ buffer, position });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
}

function sourceChanged(file: string): LeatError {
  return new LeatError(`${file} was changed while it was uploaded; upload it again when it is at rest`, {
    code: Status.ABORTED,
    reason: clientReasons.sourceChanged,
  });
}

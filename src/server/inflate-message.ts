import { createGunzip, createInflate, type Gunzip } from 'node:zlib';

/** Encodings of `grpc-encoding` that compress. */
export type Compression = 'gzip' | 'deflate';

export function isCompression(encoding: string): encoding is Compression {
  return encoding === 'gzip' || encoding === 'deflate';
}

/** The most that deflate can make of one byte. */
const MAX_RATIO = 1_032;
/** zlib does its work in pieces of this size, each in the thread pool that files use too. */
const CHUNK_BYTES = 64 * 1024;

/** What a compressed message may need at most while it is inflated, in bytes; `maxSize` is that of a message. */
export function mostInflatedBytes(compressedBytes: number, maxSize: number): number {
  return Math.min(compressedBytes * MAX_RATIO, maxSize) + CHUNK_BYTES;
}

export interface Inflating {
  /** Frees the inflater; neither callback is called any more. Repeating it is harmless. */
  cancel: () => void;
}

export interface InflateCallbacks {
  done: (bytes: Buffer) => void;
  /** The message begins like those of grpc-js (see wire-status.ts). */
  failed: (error: Error) => void;
  /** The thread pool is done with it, in whatever way. */
  closed: () => void;
}

/** Inflates a complete message, and stops as soon as it is larger than `maxSize` bytes. */
export function inflateMessage(
  compressed: Buffer,
  encoding: Compression,
  maxSize: number,
  { done, failed, closed }: InflateCallbacks,
): Inflating {
  // Of gzip all members are read, as RFC 1952 has it.
  const inflater: Gunzip = (encoding === 'gzip' ? createGunzip : createInflate)({ chunkSize: CHUNK_BYTES });
  const chunks: Buffer[] = [];
  let size = 0;
  let isOver = false;
  const end = (act: () => void) => {
    if (isOver) return;
    isOver = true;
    inflater.destroy();
    act();
  };
  const fail = (why: string) => end(() => failed(new Error(why)));
  inflater.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > maxSize) fail(`Received message that decompresses to a size larger than ${maxSize}`);
  });
  inflater.on('error', ({ message }) => fail(`Failed to decompress message: ${message}`));
  inflater.on('end', () => {
    if (inflater.bytesWritten < compressed.byteLength) fail('Failed to decompress message: bytes follow its end');
    else end(() => done(Buffer.concat(chunks, size)));
  });
  inflater.once('close', closed);
  inflater.end(compressed);
  return { cancel: () => end(() => undefined) };
}

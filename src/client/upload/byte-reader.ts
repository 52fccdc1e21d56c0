import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import type { ByteStream } from './upload-options.js';

/** A stream as what is needed of it: bytes, and a way to leave that works while somebody waits for some. */
export interface ByteReader {
  /** The next bytes, at least one; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** Ends the stream, wherever it is. Resolves when it has been told; it may take as long as it likes. */
  close(): Promise<void>;
}

/** Throws TypeError for what is no stream of bytes; its `read` throws it for what comes and is none. */
export function openByteReader(stream: ByteStream): ByteReader {
  if (stream instanceof ReadableStream) return webReader(stream);
  const iterator = iteratorOf(stream);
  let reading: Promise<unknown> | undefined;
  return {
    async read() {
      for (;;) {
        const next = iterator.next();
        reading = next;
        const result = await next.finally(() => (reading = undefined));
        if (result.done === true) return undefined;
        if (checked(result.value).length > 0) return result.value;
      }
    },
    async close() {
      // An iterator that somebody waits for answers when it has something, which may be never.
      if (stream instanceof Readable) stream.destroy();
      // And what it fails with now, nobody is interested in any more.
      const closing = iterator.return?.().catch(() => undefined);
      if (reading === undefined) await closing;
    },
  };
}

function webReader(stream: ReadableStream<Uint8Array>): ByteReader {
  const reader = stream.getReader();
  return {
    async read() {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return undefined;
        if (checked(value).length > 0) return value;
      }
    },
    close: () => reader.cancel().catch(() => undefined), // One that has failed says so again.
  };
}

function iteratorOf(stream: AsyncIterable<unknown>): AsyncIterator<Uint8Array> {
  const open = (stream as Partial<AsyncIterable<Uint8Array>> | undefined)?.[Symbol.asyncIterator];
  if (typeof open !== 'function') {
    throw new TypeError('give a path, bytes, a stream of bytes, or a function that opens one at a byte');
  }
  return open.call(stream);
}

function checked(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw new TypeError(`a source gives bytes (Uint8Array), not ${typeof bytes}; a stream of text needs an encoder`);
}

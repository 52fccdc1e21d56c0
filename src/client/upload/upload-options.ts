import type { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import type { Setback } from '../attempts.js';
import type { BackoffOptions } from '../backoff.js';

/**
 * Bytes that come once: a stream of Node's or of the web's, or any async iterable. Read only as
 * fast as they are sent. They are not copied, so each piece needs memory of its own.
 */
export type ByteStream = AsyncIterable<Uint8Array> | Readable | ReadableStream<Uint8Array>;

/**
 * What to upload. The path of a file, bytes, and a function that opens a stream at a byte, are read again after a lost
 * connection. Of a stream, what is not durable yet is kept in memory: see `windowBytes`.
 */
export type UploadSource = string | Uint8Array | ((offset: number) => ByteStream | Promise<ByteStream>) | ByteStream;

export interface UploadOptions {
  /**
   * Name of the upload and of its blob, 1 to 128 characters, [A-Za-z0-9] followed by [A-Za-z0-9._-]. The same source
   * under the same id goes on where an earlier run ended, and adds nothing to one that is finished. Default: a fresh
   * UUIDv7; `onProgress`, the result and the error tell it.
   */
  readonly uploadId?: string;
  /** A name for people, up to 255 characters. Default: of a file, the last part of its path; else the upload's id. */
  readonly name?: string;
  /** Media type. Default: 'application/octet-stream'. */
  readonly contentType?: string;
  /** Bytes in all; another number is an error (SOURCE_SIZE_DIFFERS). Default: a file's size; of a stream, unknown. */
  readonly size?: number;
  /** Bytes of a stream that wait in memory until they are durable, at most, give or take a piece. Default: 32 MiB. */
  readonly windowBytes?: number;
  /** Called when bytes were sent, or have become durable. What it throws ends the upload. */
  readonly onProgress?: (progress: UploadProgress) => void;
  /** Called before each wait for another try. */
  readonly onSetback?: (setback: Setback) => void;
  /** Ends the upload with an AbortError; the service keeps what is durable for the next one with the same id. */
  readonly signal?: AbortSignal;
  readonly backoff?: BackoffOptions;
  /** Tries in a row that may fail before their failure is thrown; progress begins anew. Default: no limit. */
  readonly maxAttempts?: number;
  /** The same until the service answered for the first time; 1: an address where nobody listens fails. Default: maxAttempts. */
  readonly maxFirstAttempts?: number;
}

/** How far an upload is, in bytes. */
export interface UploadProgress {
  readonly uploadId: string;
  /** On the service's disk: a later upload goes on from here, whatever happens. */
  readonly durable: number;
  /** Of the source, read and hashed. */
  readonly read: number;
  /** Handed to the connection, by this upload; what was sent again counts again. */
  readonly sent: number;
  /** In all, if that is known. */
  readonly size?: number;
}

/** What has become of it. */
export interface UploadResult extends UploadProgress {
  readonly blob: Blob;
  /** Bytes that were durable when this upload began: from earlier ones with the same id. */
  readonly resumedAt: number;
}

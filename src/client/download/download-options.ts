import type { Writable } from 'node:stream';
import type { WritableStream } from 'node:stream/web';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import type { Setback } from '../attempts.js';
import type { BackoffOptions } from '../backoff.js';

/** Where a download goes: the path of a file, or a stream of Node's or of the web's. */
export type DownloadSink = string | Writable | WritableStream<Uint8Array>;

export interface ReadBlobOptions {
  /** First byte. Default: 0. */
  readonly offset?: number;
  /** Bytes, at most; the end of the blob may come first. Default: all up to the end. */
  readonly length?: number;
  /** Called when it is known what is coming, and when bytes have come. What it throws ends the download. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Called before each wait for another try. */
  readonly onSetback?: (setback: Setback) => void;
  /** Ends the download with an AbortError. What a file has by then stays, and is gone on with. */
  readonly signal?: AbortSignal;
  readonly backoff?: BackoffOptions;
  /** Tries in a row that may fail before their failure is thrown; each chunk begins anew. Default: no limit. */
  readonly maxAttempts?: number;
}

export interface DownloadOptions extends ReadBlobOptions {
  /** Of a file: replace one that is there and is another. Default: false, which throws TARGET_EXISTS. */
  readonly overwrite?: boolean;
  /** Of a stream: end it when everything is written. Default: true. */
  readonly end?: boolean;
}

/** How far a download is. */
export interface DownloadProgress {
  readonly blob: Blob;
  /** The next byte of the blob: all before it, from `offset` on, is there. */
  readonly position: number;
  /** The byte behind the last one that was asked for. */
  readonly end: number;
  /** Bytes that came over the wire. */
  readonly received: number;
}

/** What has become of it. */
export interface DownloadResult extends DownloadProgress {
  /** True if the SHA-256 of the whole blob was compared; of a range every chunk's checksum was, but nothing else. */
  readonly verified: boolean;
}

import type { Piece } from './piece-reader.js';

/** The source of an upload, over as many calls as it takes. */
export interface SourceFeed {
  /** Bytes in all, if that is known. */
  readonly size: number | undefined;
  /** Of a path, the file's name. */
  readonly name: string | undefined;
  /** True if half of what may be kept in memory is in use: without a release the source would soon stand still. */
  readonly needsRelease: boolean;
  /** Goes on with the piece that has this byte, or with the next one if it is not read yet. Throws SOURCE_GONE. */
  seek(offset: number): Promise<void>;
  /** The next piece; undefined at the end, or when `signal` aborts first. The same one until it is taken. */
  peek(signal: AbortSignal): Promise<Piece | undefined>;
  /** Takes the piece that was peeked at. */
  take(): void;
  /** What is before this byte is durable: nobody goes back there. */
  release(offset: number): void;
  /** Throws SOURCE_CHANGED if the source is not what it was at the beginning. */
  confirm(): Promise<void>;
  /** What ended the source too early, if something did. */
  readonly failure: { readonly error: unknown } | undefined;
  /** Leaves nothing open. */
  close(): Promise<void>;
}

/** 256 KiB is what the contract recommends; a slow source's bytes are on their way after 10 ms. */
export const pieceLimits = { bytes: 256 << 10, ms: 10 };

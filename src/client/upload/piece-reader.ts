import { startExpiry, type Expiry } from '../expiry.js';
import { unlessAborted } from '../unless-aborted.js';
import type { ByteReader } from './byte-reader.js';

/** Bytes that are sent together. */
export interface Piece {
  /** Their place in the file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export const endOf = ({ offset, bytes }: Piece) => offset + bytes.length;

/** Pieces in order; who stops waiting for one does not lose it. */
export interface PieceReader {
  /** The next piece; undefined at the end, or when `signal` aborts first. The same one until it is taken. */
  peek(signal: AbortSignal): Promise<Piece | undefined>;
  /** Takes the piece that was peeked at. */
  take(): void;
  /** What ended the pieces too early, if something did. */
  readonly failure: { readonly error: unknown } | undefined;
  close(): Promise<void>;
}

export interface PieceLimits {
  /** A piece has so many bytes, at most. */
  readonly bytes: number;
  /** A smaller one is sent when it is so old, in milliseconds. */
  readonly ms: number;
}

/** Asks `reader` for more only while somebody waits for a piece; holds what it gave last, at most, besides the piece. */
export function createPieceReader(reader: ByteReader, start: number, limits: PieceLimits): PieceReader {
  let position = start;
  let reading: Promise<Uint8Array | undefined> | undefined;
  let rest: Uint8Array | undefined;
  let piece: Promise<Piece | undefined> | undefined;
  let failure: PieceReader['failure'];
  let ended = false;

  async function read(): Promise<Uint8Array | undefined> {
    if (ended) return undefined;
    try {
      const bytes = await reader.read();
      if (bytes !== undefined) return bytes;
    } catch (error) {
      failure = { error };
    }
    ended = true;
    return undefined;
  }

  /** What is left over, or else what comes next; a wait that expires is gone on with by the next one. */
  async function more(expiry: Expiry | undefined): Promise<Uint8Array | undefined> {
    if (rest !== undefined) return rest;
    reading ??= read();
    const bytes = await (expiry === undefined ? reading : Promise.race([reading, expiry.passed]));
    if (bytes === 'passed') return undefined;
    reading = undefined;
    return bytes;
  }

  async function collect(): Promise<Piece | undefined> {
    const parts: Uint8Array[] = [];
    let length = 0;
    let expiry: Expiry | undefined;
    try {
      while (length < limits.bytes) {
        const bytes = await more(expiry);
        if (bytes === undefined) break;
        const part = bytes.subarray(0, limits.bytes - length);
        rest = part.length < bytes.length ? bytes.subarray(part.length) : undefined;
        parts.push(part);
        length += part.length;
        if (length < limits.bytes) expiry ??= startExpiry(limits.ms);
      }
    } finally {
      expiry?.cancel();
    }
    const [first] = parts;
    if (first === undefined) return undefined;
    return { offset: position, bytes: parts.length === 1 ? first : Buffer.concat(parts, length) };
  }

  async function next(): Promise<Piece | undefined> {
    const collected = await collect();
    position += collected?.bytes.length ?? 0;
    return collected;
  }

  return {
    peek: (signal) => unlessAborted(signal, (piece ??= next())),
    take: () => void (piece = undefined),
    get failure() {
      return failure;
    },
    close: () => reader.close(),
  };
}

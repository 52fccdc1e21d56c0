import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { decodeUtf8 } from '../store/encoding/utf8.js';
import { DomainError } from './errors.js';
import type { Violations } from './validation/violations.js';

/** A place in a list or a log. */
export interface TokenPlace {
  /** An offset, 0 to 2^53 - 1. What it means is the list's own. */
  readonly offset: number;
  /** The name of the last item that was read; empty if offsets alone are enough. */
  readonly key: string;
  /**
   * Commit time of the event at `offset`, in milliseconds. It tells a restored log, in which another event took that
   * offset later, from the log that the token was given by; see `checkPosition`. Absent: unknown, not checked.
   */
  readonly commitTimeMs?: number;
}

/** Page tokens and resume tokens of one list: opaque to clients, checked strictly when they come back. */
export interface TokenCodec {
  /** URL-safe, without padding: 47 characters and 4 for every 3 bytes of `key`. */
  encode(place: TokenPlace): string;
  /**
   * Adds a violation and returns undefined if the token is damaged (INVALID_FIELD) or belongs to another list
   * (TOKEN_MISMATCH). Throws `precondition` EPOCH_CHANGED if it is from before the store was restored.
   */
  decode(violations: Violations, field: string, token: string): TokenPlace | undefined;
}

export interface TokenScope {
  /** The store's epoch. */
  readonly epoch: string;
  /** Which list, for example 'users' or 'events'. */
  readonly kind: string;
  /** Which of the lists of that kind: a topic, a prefix. Only a hash of it is in the token, whatever its length. */
  readonly subject?: string;
}

// version (1), hash of kind and subject (8), hash of the epoch (8), offset (8), commit time (6; 0: unknown), key,
// CRC32C of all before (4)
const VERSION = 2;
const SCOPE_AT = 1;
const EPOCH_AT = 9;
const OFFSET_AT = 17;
const TIME_AT = 25;
const TIME_BYTES = 6;
const KEY_AT = TIME_AT + TIME_BYTES;
const CRC_BYTES = 4;

export function createTokenCodec({ epoch, kind, subject = '' }: TokenScope): TokenCodec {
  const head = Buffer.concat([Buffer.of(VERSION), hash(`${kind}\0${subject}`), hash(epoch)]);

  return {
    encode({ offset, key, commitTimeMs = 0 }) {
      const bytes = Buffer.alloc(KEY_AT + Buffer.byteLength(key) + CRC_BYTES);
      head.copy(bytes);
      bytes.writeBigUInt64BE(BigInt(offset), OFFSET_AT);
      bytes.writeUIntBE(commitTimeMs, TIME_AT, TIME_BYTES);
      bytes.write(key, KEY_AT);
      const crcAt = bytes.length - CRC_BYTES;
      bytes.writeUInt32BE(crc32c(bytes.subarray(0, crcAt)), crcAt);
      return bytes.toString('base64url');
    },
    decode(violations, field, token) {
      const bytes = parse(token);
      const place = bytes && readPlace(bytes);
      if (!place) {
        violations.add(field, 'is damaged; pass a token as it was received, or leave it out to begin anew');
        return undefined;
      }
      if (!isSame(bytes, head, SCOPE_AT, EPOCH_AT)) {
        violations.add(field, 'belongs to another list; pass it with the request it came from', 'TOKEN_MISMATCH');
        return undefined;
      }
      if (!isSame(bytes, head, EPOCH_AT, OFFSET_AT)) throw epochChanged(field);
      return place;
    },
  };
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, 8);
}

/** The token's bytes if it is one of this version, whole. */
function parse(token: string): Buffer | undefined {
  const bytes = Buffer.from(token, 'base64url');
  const crcAt = bytes.length - CRC_BYTES;
  // Node skips what is not base64url: only a token that comes out as it went in was one.
  if (crcAt < KEY_AT || bytes[0] !== VERSION || bytes.toString('base64url') !== token) return undefined;
  return bytes.readUInt32BE(crcAt) === crc32c(bytes.subarray(0, crcAt)) ? bytes : undefined;
}

/** Undefined for what `encode` never makes, whoever made it. */
function readPlace(bytes: Buffer): TokenPlace | undefined {
  const offset = Number(bytes.readBigUInt64BE(OFFSET_AT));
  if (!Number.isSafeInteger(offset)) return undefined;
  const commitTimeMs = bytes.readUIntBE(TIME_AT, TIME_BYTES);
  try {
    const key = decodeUtf8(bytes.subarray(KEY_AT, bytes.length - CRC_BYTES));
    return commitTimeMs === 0 ? { offset, key } : { offset, key, commitTimeMs };
  } catch {
    return undefined; // Not UTF-8; it has no other way to say so.
  }
}

function isSame(bytes: Buffer, head: Buffer, start: number, end: number): boolean {
  return bytes.compare(head, start, end, start, end) === 0;
}

function epochChanged(field: string): DomainError {
  return new DomainError(
    'precondition',
    'EPOCH_CHANGED',
    `${field}: the store was restored from a backup since this token was given; leave it out to begin anew`,
  );
}

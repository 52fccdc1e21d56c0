import { DomainError, isDomainError } from '../errors.js';

const TYPE = 'leat.v1.Upload';

export function uploadNotFound(uploadId: string): DomainError {
  return new DomainError(
    'not-found',
    'UPLOAD_NOT_FOUND',
    `upload "${uploadId}" is not there (unknown, cancelled, expired, or its blob is deleted): start it`,
    { resource: { type: TYPE, name: uploadId } },
  );
}

export function uploadCancelled(uploadId: string): DomainError {
  return new DomainError('not-found', 'UPLOAD_CANCELLED', `upload "${uploadId}" was cancelled: start it again`, {
    resource: { type: TYPE, name: uploadId },
  });
}

export function uploadFenced(uploadId: string): DomainError {
  const message = `another stream took upload "${uploadId}" over: let it go on, or take it over with a stream of your own`;
  return new DomainError('conflict', 'UPLOAD_FENCED', message);
}

export function uploadComplete(uploadId: string): DomainError {
  const message = `upload "${uploadId}" is a blob by now: remove it with DeleteBlob`;
  return new DomainError('precondition', 'UPLOAD_COMPLETE', message, { resource: { type: TYPE, name: uploadId } });
}

/** `what` completes "… was started with". */
export function uploadDiffers(uploadId: string, what: string): DomainError {
  const message = `upload "${uploadId}" ${what}: send a retry unchanged, and another file under another id`;
  return new DomainError('exists', 'UPLOAD_DIFFERS', message, { resource: { type: TYPE, name: uploadId } });
}

/** `committedSize`: where to go on. */
export function wrongOffset(uploadId: string, offset: number, committedSize: number): DomainError {
  const message = `upload "${uploadId}" has no byte before ${offset}: go on at offset ${committedSize}`;
  return new DomainError('out-of-range', 'WRONG_OFFSET', message, {
    metadata: { committed_size: `${committedSize}` },
  });
}

/** `committedSize`: where to go on. */
export function chunkDamaged(uploadId: string, offset: number, committedSize: number): DomainError {
  const message =
    `the chunk at offset ${offset} of upload "${uploadId}" does not match its crc32c, and is not kept: ` +
    `go on at offset ${committedSize}`;
  return new DomainError('data-loss', 'CHECKSUM_MISMATCH', message, {
    metadata: { committed_size: `${committedSize}` },
  });
}

export function sizeMismatch(uploadId: string, size: number, expected: number): DomainError {
  const message = `upload "${uploadId}" has ${size} bytes, not ${expected}: it is thrown away, start it again from 0`;
  return new DomainError('data-loss', 'SIZE_MISMATCH', message, { metadata: { size: `${size}` } });
}

export function digestMismatch(uploadId: string, sha256: Uint8Array): DomainError {
  const hex = Buffer.from(sha256).toString('hex');
  const message = `the SHA-256 of upload "${uploadId}" is ${hex}: it is thrown away, start it again from 0`;
  return new DomainError('data-loss', 'DIGEST_MISMATCH', message, { metadata: { sha256: hex } });
}

export function uploadTooLarge(uploadId: string, maxBytes: number): DomainError {
  const message = `upload "${uploadId}" is larger than ${maxBytes} bytes: cancel it and send smaller files`;
  return new DomainError('exhausted', 'UPLOAD_TOO_LARGE', message, { metadata: { limit: `${maxBytes}` } });
}

export interface RoomOnDisk {
  /** Bytes that the upload needs; undefined: unknown. */
  readonly needed?: number;
  /** Bytes that it may take. */
  readonly available: number;
}

/** Without RetryInfo: waiting alone makes no room, so whoever uploads should be told. */
export function diskTooFull(uploadId: string, { needed, available }: RoomOnDisk): DomainError {
  const room = `${Math.max(available, 0)} bytes are available to it`;
  const message =
    needed === undefined
      ? `the disk is full: upload "${uploadId}" cannot go on, ${room}`
      : `the disk is full: upload "${uploadId}" needs ${needed} bytes, ${room}`;
  return new DomainError('exhausted', 'DISK_FULL', `${message}: free space or cancel other uploads, then try again`, {
    retryAfterMs: null,
    metadata: {
      ...(needed === undefined ? {} : { needed_bytes: `${needed}` }),
      available_bytes: `${Math.max(available, 0)}`,
    },
  });
}

/** A write of an upload, with the store's errors in the words of the rpc. */
export async function ofUpload<T>(uploadId: string, written: Promise<T>): Promise<T> {
  try {
    return await written;
  } catch (error) {
    if (!isDomainError(error)) throw error;
    // Another process has taken the upload over.
    if (error.reason === 'UPLOAD_FENCED') throw uploadFenced(uploadId);
    throw error.reason === 'DISK_FULL' ? diskTooFull(uploadId, { available: 0 }) : error;
  }
}

import { DomainError } from '../errors.js';

const TYPE = 'leat.v1.Blob';

export function blobNotFound(blobId: string): DomainError {
  const message = `blob "${blobId}" does not exist: check the id, or upload it`;
  return new DomainError('not-found', 'BLOB_NOT_FOUND', message, { resource: { type: TYPE, name: blobId } });
}

/** The end of a download whose blob went meanwhile. */
export function blobIsDeleted(blobId: string): DomainError {
  const message = `blob "${blobId}" was deleted while it was sent: what was received is not all of it`;
  return new DomainError('not-found', 'BLOB_DELETED', message, { resource: { type: TYPE, name: blobId } });
}

export function blobEtagMismatch(blobId: string, revision: number): DomainError {
  const message = `blob "${blobId}" has the etag "${revision}": read it again and decide anew`;
  return new DomainError('conflict', 'ETAG_MISMATCH', message, { metadata: { etag: `${revision}` } });
}

export function offsetBeyondEnd(blobId: string, offset: number, size: number): DomainError {
  const message = `blob "${blobId}" ends at ${size}, before ${offset}: ask for an offset up to there`;
  return new DomainError('out-of-range', 'OFFSET_BEYOND_END', message, { metadata: { size: `${size}` } });
}

/** The bytes in `[start, end)` are not what was uploaded. */
export function blobDamaged(blobId: string, start: number, end: number): DomainError {
  const message = `blob "${blobId}" is damaged between ${start} and ${end}: restore a backup, or upload it anew`;
  return new DomainError('data-loss', 'CHECKSUM_MISMATCH', message, {
    metadata: { first_offset: `${start}`, last_offset: `${end - 1}` },
  });
}

import { crc32c } from '@node-rs/crc32';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import type { ByteReader } from '../../store/byte-store.js';
import { chunkDamaged, uploadDiffers } from './upload-errors.js';
import type { Start } from './upload-requests.js';
import type { UploadSession } from './upload-session.js';

/** A stream for an upload that is a blob already: what it sends must be what is there. */
export function createFinishedSession(blob: Blob, reader: ByteReader, signal: AbortSignal): UploadSession {
  const size = Number(blob.size);
  const differs = (what: string) => uploadDiffers(blob.blobId, what);

  return {
    signal,
    async add({ offset, data, crc32c: expected }) {
      if (expected !== undefined && crc32c(data) !== expected) throw chunkDamaged(blob.blobId, offset, size);
      if (offset + data.length > size) throw differs(`is finished, with ${size} bytes`);
      const there = Buffer.allocUnsafe(data.length);
      await reader.read(offset, there);
      if (!there.equals(data)) throw differs(`has other bytes between ${offset} and ${offset + data.length}`);
    },
    async finish({ size: expected, sha256 }) {
      if (expected !== size) throw differs(`is finished, with ${size} bytes`);
      if (!fits(sha256, blob.sha256)) throw differs('is finished, with another sha256');
      return blob;
    },
    close: () => reader.close(),
    // It changes nothing, so nobody has to end it.
    abort: () => undefined,
    closed: Promise.resolve(),
  };
}

/** Whether the start could be that of the blob; what it does not say fits. */
export function isStartOf(blob: Blob, start: Start): boolean {
  return (
    start.name === blob.name &&
    start.contentType === blob.contentType &&
    (start.size === undefined || BigInt(start.size) === blob.size) &&
    fits(start.sha256, blob.sha256)
  );
}

function fits(given: Uint8Array, sha256: Uint8Array): boolean {
  return given.length === 0 || Buffer.compare(given, sha256) === 0;
}

import { DownloadBlobResponse } from '../../gen/leat/v1/blob_service.js';
import type { BlobPage } from '../domain/blobs/blob-download.js';
import { varintSize, writeVarint } from '../store/encoding/wire.js';

/** A frame of a download that is encoded when it is written, once. */
export interface DownloadFrame {
  take(): Uint8Array;
}

const CHUNK = 0x12; // DownloadBlobResponse.chunk, message
const OFFSET = 0x08; // BlobChunk.offset, varint
const DATA = 0x12; // BlobChunk.data, bytes
const CRC32C = 0x1d; // BlobChunk.crc32c, fixed32

const NO_PAGE: BlobPage = { offset: 0, data: new Uint8Array(), crc32c: 0 };

/**
 * A chunk. It lets go of the page when it is written: whoever still holds the frame, while the client does not read,
 * holds nothing. The bytes are copied once, into memory that the response has to itself.
 */
export function chunkFrame(page: BlobPage): DownloadFrame {
  let held = page;
  return {
    take() {
      const bytes = encodePage(held);
      held = NO_PAGE;
      return bytes;
    },
  };
}

/** One of the small frames: what is coming, or the end. */
export function plainFrame(frame: DownloadBlobResponse['frame']): DownloadFrame {
  return { take: () => DownloadBlobResponse.encode({ frame }).finish() };
}

function encodePage({ offset, data, crc32c }: BlobPage): Uint8Array {
  const size = 1 + varintSize(offset) + 5 + 1 + varintSize(data.length) + data.length;
  const bytes = Buffer.allocUnsafeSlow(1 + varintSize(size) + size);
  let at = 0;
  bytes[at++] = CHUNK;
  at = writeVarint(bytes, at, size);
  bytes[at++] = OFFSET;
  at = writeVarint(bytes, at, offset);
  bytes[at++] = CRC32C;
  at = bytes.writeUInt32LE(crc32c, at);
  bytes[at++] = DATA;
  at = writeVarint(bytes, at, data.length);
  bytes.set(data, at);
  return bytes;
}

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
 * holds nothing. A page with room for `chunkHeadSize` before its bytes is not copied; another one is, once.
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

/** Bytes of a chunk before its data. */
export function chunkHeadSize(offset: number, length: number): number {
  const size = messageSize(offset, length);
  return 1 + varintSize(size) + size - length;
}

/** Of the BlobChunk. */
function messageSize(offset: number, length: number): number {
  return 1 + varintSize(offset) + 5 + 1 + varintSize(length) + length;
}

function encodePage({ offset, data, crc32c }: BlobPage): Uint8Array {
  const headSize = chunkHeadSize(offset, data.length);
  const bytes = withRoom(data, headSize);
  let at = 0;
  bytes[at++] = CHUNK;
  at = writeVarint(bytes, at, messageSize(offset, data.length));
  bytes[at++] = OFFSET;
  at = writeVarint(bytes, at, offset);
  bytes[at++] = CRC32C;
  at = bytes.writeUInt32LE(crc32c, at);
  bytes[at++] = DATA;
  writeVarint(bytes, at, data.length);
  return bytes;
}

/** Memory with room for the head and then the data: that of the data itself, if it was made so, or a copy. */
function withRoom(data: Uint8Array, headSize: number): Buffer {
  const { buffer, byteOffset, byteLength } = data;
  if (byteOffset === headSize && buffer.byteLength === headSize + byteLength) return Buffer.from(buffer);
  const bytes = Buffer.allocUnsafeSlow(headSize + byteLength);
  bytes.set(data, headSize);
  return bytes;
}

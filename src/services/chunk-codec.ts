import { DownloadBlobResponse } from '../../gen/leat/v1/blob_service.js';
import type { BlobPage } from '../domain/blobs/blob-download.js';
import { varintSize, writeVarint } from '../store/encoding/wire.js';

/** A frame of a download: a page of the blob, or one of the small ones. */
export type DownloadFrame = { readonly page: BlobPage } | Pick<DownloadBlobResponse, 'frame'>;

const CHUNK = 0x12; // DownloadBlobResponse.chunk, message
const OFFSET = 0x08; // BlobChunk.offset, varint
const DATA = 0x12; // BlobChunk.data, bytes
const CRC32C = 0x1d; // BlobChunk.crc32c, fixed32

/** Encodes a frame; the bytes of a page are copied once, into memory that the response has to itself. */
export function encodeDownloadFrame(frame: DownloadFrame): Uint8Array {
  return 'page' in frame ? encodePage(frame.page) : DownloadBlobResponse.encode(frame).finish();
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

import { crc32c } from '@node-rs/crc32';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import { type ByteReader, CHECKSUM_BYTES } from '../../store/byte-store.js';
import { blobDamaged, offsetBeyondEnd } from './blob-errors.js';
import type { BlobRange } from './blob-requests.js';

/** A piece of a blob, in the order of its bytes. */
export interface BlobPage {
  readonly offset: number;
  readonly data: Uint8Array;
  /** CRC-32C of `data`. */
  readonly crc32c: number;
}

/** Bytes of a page: whole checksums. */
const MAX_PAGE_BYTES = 4 * CHECKSUM_BYTES;
/** What all downloads together should hold for clients that do not read. */
const ALL_PAGES_BYTES = 32 * 1024 * 1024;

const MAX_PAGES_AHEAD = 4;

/** What one download may hold for a client that does not read. */
export interface DownloadShare {
  readonly pageBytes: number;
  /** Pages that may wait for the socket. If there are several, the next one is read meanwhile. */
  readonly pagesAhead: number;
}

/** The share of each of so many downloads: the more there are, the smaller, down to one page of one checksum. */
export function shareOf(downloads: number): DownloadShare {
  const bytes = ALL_PAGES_BYTES / downloads;
  const checksums = Math.max(Math.floor(Math.min(bytes, MAX_PAGE_BYTES) / CHECKSUM_BYTES), 1);
  const pagesAhead = Math.min(Math.max(Math.floor(bytes / (2 * MAX_PAGE_BYTES)), 1), MAX_PAGES_AHEAD);
  return { pageBytes: checksums * CHECKSUM_BYTES, pagesAhead };
}

export interface BlobBytes {
  readonly blob: Blob;
  readonly reader: ByteReader;
  /** As `blobChecksums` of the store. */
  readonly checksums: Uint8Array;
  /** What the next page may be. */
  readonly share: DownloadShare;
}

interface PageRange {
  readonly start: number;
  readonly end: number;
}

/** The pages that a range comes in; but for the first and the last they are whole. Errors: as `endOf`. */
function* pagesOf(bytes: BlobBytes, range: BlobRange): Generator<PageRange, void, undefined> {
  const end = endOf(bytes.blob, range);
  for (let start = range.offset; start < end;) {
    const { pageBytes } = bytes.share;
    const next = Math.min(start - (start % pageBytes) + pageBytes, end);
    yield { start, end: next };
    start = next;
  }
}

/**
 * Reads the pages of a range in order: one ahead of whoever takes them, while there are few downloads. It holds nothing
 * of a page that was taken.
 */
export function createPageReader(bytes: BlobBytes, range: BlobRange, roomFor: RoomFor = () => 0) {
  const ranges = pagesOf(bytes, range);
  let next = ranges.next();
  let ahead: Promise<BlobPage> | undefined;

  function readOn(): Promise<BlobPage> | undefined {
    if (next.done) return undefined;
    const page = readPage(bytes, next.value, roomFor);
    next = ranges.next();
    page.catch(() => undefined); // Told to who takes it; nobody may.
    return page;
  }

  return {
    /** The next page; there must be one. */
    async take(): Promise<BlobPage> {
      const taken = ahead ?? readOn();
      ahead = undefined;
      const page = await taken;
      if (!page) throw new Error('there is no further page');
      if (bytes.share.pagesAhead > 1) ahead = readOn();
      return page;
    },
    /** Whether every page was taken. */
    get isDone() {
      return next.done === true && !ahead;
    },
  };
}

/** Where a range ends. Errors: `out-of-range` OFFSET_BEYOND_END {size}. */
export function endOf({ blobId, size }: Blob, { offset, length = Infinity }: BlobRange): number {
  if (offset > Number(size)) throw offsetBeyondEnd(blobId, offset, Number(size));
  return Math.min(Number(size), offset + length);
}

/** Bytes that are to be free in memory before those of a page, for what will be written there. */
export type RoomFor = (offset: number, length: number) => number;

/**
 * Reads a page and checks what is read.
 * Errors: `data-loss` CHECKSUM_MISMATCH {first_offset, last_offset}, STORE_DAMAGED.
 */
async function readPage(bytes: BlobBytes, { start, end }: PageRange, roomFor: RoomFor): Promise<BlobPage> {
  // Checksums are of whole pieces, so more may have to be read than is sent.
  const from = start - (start % CHECKSUM_BYTES);
  const to = Math.min(Math.ceil(end / CHECKSUM_BYTES) * CHECKSUM_BYTES, Number(bytes.blob.size));
  const room = from === start && to === end ? roomFor(start, end - start) : 0;
  const memory = Buffer.allocUnsafeSlow(room + to - from);
  const whole = memory.subarray(room);
  await bytes.reader.read(from, whole);
  check(bytes, whole, from);
  const data = whole.subarray(start - from, end - from);
  return { offset: start, data, crc32c: crc32c(data) };
}

function check({ blob, checksums }: BlobBytes, whole: Buffer, from: number): void {
  const view = new DataView(checksums.buffer, checksums.byteOffset, checksums.byteLength);
  for (let at = 0; at < whole.length; at += CHECKSUM_BYTES) {
    const piece = whole.subarray(at, at + CHECKSUM_BYTES);
    const index = (from + at) / CHECKSUM_BYTES;
    if (crc32c(piece) === view.getUint32(index * 4, true)) continue;
    throw blobDamaged(blob.blobId, from + at, from + at + piece.length);
  }
}

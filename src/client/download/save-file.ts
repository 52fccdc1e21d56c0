import { createFileDigest, type FileDigest } from '../file-digest.js';
import { clientReasons, LeatError } from '../leat-error.js';
import type { BlobClient } from './blob-client.js';
import type { BlobRange } from './blob-position.js';
import type { DownloadProgress } from './download-options.js';
import { isThere } from './existing-file.js';
import { findBlob } from './find-blob.js';
import { forEachChunk } from './for-each-chunk.js';
import { openPartFile, partOf, type PartFile } from './part-file.js';
import { lockPart } from './part-lock.js';
import { readRange, type RangeOptions } from './read-range.js';
import { targetFailed } from './target-failed.js';

export interface SaveOptions extends RangeOptions {
  readonly overwrite?: boolean;
}

/**
 * Writes a blob, or a range of it, to FILE.part, and renames that to FILE when all is on disk; so a file that is there
 * is whole. A whole blob goes on with the part that an earlier run left: it is hashed, so the digest tells at the end
 * whether it belongs to the blob, and if it does not, everything is read anew.
 */
export async function saveFile(
  blobs: BlobClient,
  file: string,
  range: BlobRange,
  options: SaveOptions,
): Promise<DownloadProgress> {
  const { signal, overwrite = false } = options;
  const blob = await findBlob(blobs, range.blobId, options);
  const size = Number(blob.size);
  const isWhole = range.offset === 0 && range.length === undefined;
  const isDone = () => isThere(file, isWhole ? blob : undefined, overwrite, signal);
  const done = { blob, position: size, end: size, received: 0 };
  try {
    if (await isDone()) return done;
    const unlock = await lockPart(partOf(file));
    try {
      // Whoever had the lock may have made it.
      if (await isDone()) return done;
      return await savePart(blobs, file, range, isWhole ? size : undefined, options);
    } finally {
      await unlock();
    }
  } catch (error) {
    throw targetFailed(error);
  }
}

/** `size`: of the blob, if all of it is wanted. */
async function savePart(
  blobs: BlobClient,
  file: string,
  range: BlobRange,
  size: number | undefined,
  options: RangeOptions,
): Promise<DownloadProgress> {
  const part = await openPartFile(file);
  try {
    const progress =
      size === undefined
        ? await saveRange(blobs, part, range, options)
        : await saveWhole(blobs, part, range, size, options);
    await part.complete();
    return progress;
  } finally {
    await part.close();
  }
}

async function saveWhole(
  blobs: BlobClient,
  part: PartFile,
  range: BlobRange,
  size: number,
  options: RangeOptions,
): Promise<DownloadProgress> {
  const digest = createFileDigest();
  await part.keep(size, digest, options.signal);
  const kept = digest.length;
  try {
    return await fill(blobs, part, { ...range, offset: kept }, digest, options, 0);
  } catch (error) {
    const isDamaged = error instanceof LeatError && error.reason === clientReasons.downloadDamaged;
    if (kept === 0 || !isDamaged) throw error;
    return saveRange(blobs, part, range, options);
  }
}

async function saveRange(
  blobs: BlobClient,
  part: PartFile,
  range: BlobRange,
  options: RangeOptions,
): Promise<DownloadProgress> {
  await part.clear();
  return fill(blobs, part, range, createFileDigest(), options, range.offset);
}

/** Writes the range into the part, whose first byte is number `first` of the blob. */
async function fill(
  blobs: BlobClient,
  part: PartFile,
  range: BlobRange,
  digest: FileDigest,
  options: RangeOptions,
  first: number,
): Promise<DownloadProgress> {
  let position = range.offset - first;
  return forEachChunk(readRange(blobs, range, digest, options), async (bytes) => {
    await part.write(bytes, position);
    position += bytes.length;
  });
}

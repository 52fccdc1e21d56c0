import { createFileDigest, type FileDigest } from '../file-digest.js';
import { clientReasons, LeatError } from '../leat-error.js';
import type { BlobClient } from './blob-client.js';
import type { BlobRange } from './blob-position.js';
import type { DownloadProgress } from './download-options.js';
import { checkTarget, isThere } from './existing-file.js';
import { findBlob } from './find-blob.js';
import { forEachChunk } from './for-each-chunk.js';
import { createPartFile, type PartFile } from './part-file.js';
import { createPartNames } from './part-names.js';
import { readRange, type RangeOptions } from './read-range.js';
import { targetFailed } from './target-failed.js';

export interface SaveOptions extends RangeOptions {
  readonly overwrite?: boolean;
}

/** Each one needs another download that begins or ends at the same moment. */
const MAX_MOVES = 10;

const verdicts: readonly (string | undefined)[] = [
  clientReasons.targetExists,
  clientReasons.targetNotAFile,
  clientReasons.blobChanged,
  'BLOB_NOT_FOUND',
  'BLOB_DELETED',
];

/**
 * Writes a blob, or a range of it, to a part file, and gives that the target's name when all is on disk; so a file that
 * exists is complete. A whole blob continues with the part that an earlier run left: it is hashed, so the digest shows
 * at the end whether it belongs to the blob, and if it does not, everything is read again.
 *
 * Any number of downloads may have the same target at the same time: the first one that is complete gets it. The others
 * succeed if the target has their bytes by then, and throw TARGET_EXISTS otherwise, or replace it with `overwrite`.
 */
export async function saveFile(
  blobs: BlobClient,
  file: string,
  range: BlobRange,
  options: SaveOptions,
): Promise<DownloadProgress> {
  const { signal, overwrite = false } = options;
  try {
    await checkTarget(file);
    const blob = await findBlob(blobs, range.blobId, options);
    const size = Number(blob.size);
    const isWhole = range.offset === 0 && range.length === undefined;
    const isDone = () => isThere(file, isWhole ? blob : undefined, overwrite, signal);
    const names = createPartNames(file, isWhole ? blob.sha256 : undefined);
    if (await isDone()) {
      await names.removeAll();
      return { blob, position: size, end: size, received: 0 };
    }
    const part = await createPartFile(names);
    try {
      const progress = isWhole
        ? await saveWhole(blobs, part, range, size, options)
        : await saveRange(blobs, part, range, options);
      await part.sync();
      await moveIntoPlace(part, file, isDone, options);
      // The file is complete and in its place: nothing that cleaning up fails with changes that.
      await part.close(false).catch(() => undefined);
      await names.removeAll();
      return progress;
    } catch (error) {
      await part.close(isWhole && !isVerdict(error)).catch(() => undefined);
      throw error;
    }
  } catch (error) {
    throw targetFailed(error, file);
  }
}

/** Whether no later download can use the bytes. */
function isVerdict(error: unknown): boolean {
  return error instanceof LeatError && verdicts.includes(error.reason);
}

async function moveIntoPlace(
  part: PartFile,
  file: string,
  isDone: () => Promise<boolean>,
  { signal, overwrite = false }: SaveOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await part.moveTo(file, overwrite);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (attempt === MAX_MOVES || !['EEXIST', 'ENOENT'].includes(code)) throw error;
      if (await isDone()) return;
      // Another download of this blob took its bytes over, and did not complete them yet.
      if (code === 'ENOENT') await part.renew(signal);
    }
  }
}

async function saveWhole(
  blobs: BlobClient,
  part: PartFile,
  range: BlobRange,
  size: number,
  options: RangeOptions,
): Promise<DownloadProgress> {
  const digest = await part.resume(size, options.signal);
  const kept = digest.length;
  try {
    return await fill(blobs, part, { ...range, offset: kept }, digest, options, 0);
  } catch (error) {
    const isDamaged = error instanceof LeatError && error.reason === clientReasons.downloadDamaged;
    if (kept === 0 || !isDamaged) throw error;
    await part.clear();
    return saveRange(blobs, part, range, options);
  }
}

function saveRange(
  blobs: BlobClient,
  part: PartFile,
  range: BlobRange,
  options: RangeOptions,
): Promise<DownloadProgress> {
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

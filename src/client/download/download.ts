import { throwIfAborted } from 'abort-controller-x';
import { createFileDigest } from '../file-digest.js';
import { linkSignals } from '../link-signals.js';
import { refuseEmptyOption } from '../refuse-empty-option.js';
import type { BlobClient } from './blob-client.js';
import type { BlobRange } from './blob-position.js';
import type {
  DownloadOptions,
  DownloadProgress,
  DownloadResult,
  DownloadSink,
  ReadBlobOptions,
} from './download-options.js';
import { forEachChunk } from './for-each-chunk.js';
import { readRange, type RangeOptions } from './read-range.js';
import { saveFile } from './save-file.js';
import { targetFailed } from './target-failed.js';
import { createByteWriter } from './write-to-stream.js';

export interface DownloadDeps {
  readonly blobs: BlobClient;
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
}

/** See `LeatClient.download`. */
export async function download(
  { blobs, closed }: DownloadDeps,
  blobId: string,
  sink: DownloadSink,
  options: DownloadOptions,
): Promise<DownloadResult> {
  const linked = linkSignals(options.signal, closed);
  const settings = { ...options, signal: linked.signal };
  const range = rangeOf(blobId, options);
  try {
    throwIfAborted(linked.signal);
    // As a path it would be a file that is called ".part".
    if (typeof sink === 'string') refuseEmptyOption('the path of the file', sink);
    const progress =
      typeof sink === 'string'
        ? await saveFile(blobs, sink, range, settings)
        : await writeAll(blobs, sink, range, settings);
    return { ...progress, verified: range.offset === 0 && BigInt(progress.end) === progress.blob.size };
  } finally {
    linked.unlink();
  }
}

/** See `LeatClient.readBlob`. */
export async function* readBlob(
  { blobs, closed }: DownloadDeps,
  blobId: string,
  options: ReadBlobOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const linked = linkSignals(options.signal, closed);
  try {
    throwIfAborted(linked.signal);
    const settings = { ...options, signal: linked.signal };
    yield* readRange(blobs, rangeOf(blobId, options), createFileDigest(), settings);
  } finally {
    linked.unlink();
  }
}

async function writeAll(
  blobs: BlobClient,
  sink: Exclude<DownloadSink, string>,
  range: BlobRange,
  options: RangeOptions & Pick<DownloadOptions, 'end'>,
): Promise<DownloadProgress> {
  const { signal, end = true } = options;
  const writer = createByteWriter(sink, end);
  try {
    const chunks = readRange(blobs, range, createFileDigest(), options);
    const progress = await forEachChunk(chunks, (bytes) => writer.write(bytes, signal));
    await writer.end(signal);
    return progress;
  } catch (error) {
    writer.fail(error);
    throw targetFailed(error);
  }
}

function rangeOf(blobId: string, { offset = 0, length }: ReadBlobOptions): BlobRange {
  return { blobId, offset, length };
}

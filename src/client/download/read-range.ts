import { delay, rethrowAbortError } from 'abort-controller-x';
import { Status } from 'nice-grpc';
import { createAttempts, type AttemptOptions, type Setback } from '../attempts.js';
import type { FileDigest } from '../file-digest.js';
import { clientReasons, LeatError } from '../leat-error.js';
import { createReadGate } from '../read-gate.js';
import { watchStream } from '../watch-stream.js';
import type { BlobClient } from './blob-client.js';
import { createBlobPosition, damaged, type BlobPosition, type BlobRange } from './blob-position.js';
import type { DownloadProgress } from './download-options.js';

export interface RangeOptions extends AttemptOptions {
  /** Ends the reading with an AbortError. */
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly onSetback?: (setback: Setback) => void;
}

/** Chunks that are decoded while the reader is busy with one: 1 MiB, at most. */
const CHUNKS_AHEAD = 4;

/** A service that has bytes to send and sends none for so long, in milliseconds, is not there any more. */
const SILENCE_MS = 30_000;

/** What was damaged on its way is asked for again; what is damaged where it is stored would come for ever. */
const MAX_DAMAGES = 3;

/**
 * Reads a range of a blob, over as many calls as it takes: each byte once, in order, with its checksum compared, and the
 * digest of the whole if `digest` has all of it in the end. Returns how far it came: to the end.
 */
export async function* readRange(
  blobs: BlobClient,
  range: BlobRange,
  digest: FileDigest,
  options: RangeOptions,
): AsyncGenerator<Uint8Array, DownloadProgress, undefined> {
  const position = createBlobPosition(range, digest);
  const attempts = createAttempts(options);
  let damages = 0;
  for (;;) {
    let thrown: unknown;
    try {
      for await (const bytes of callOnce(blobs, position, options)) {
        attempts.succeeded();
        damages = 0;
        yield bytes;
      }
      thrown = streamCut();
    } catch (error) {
      rethrowAbortError(error);
      thrown = error;
    }
    const { progress } = position;
    const isCut = LeatError.from(thrown).retryable;
    if (isCut && position.finished && progress !== undefined) return verified(progress, digest);
    if (isDamage(thrown) && damages++ < MAX_DAMAGES) continue;
    const setback = attempts.failed(thrown);
    options.onSetback?.(setback);
    await delay(options.signal, setback.delayMs);
  }
}

async function* callOnce(
  blobs: BlobClient,
  position: BlobPosition,
  { signal, onProgress }: RangeOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const gate = createReadGate(CHUNKS_AHEAD);
  const open = (call: AbortSignal) => blobs.downloadBlob(position.request(), { signal: call, gate });
  for await (const { frame } of watchStream(open, SILENCE_MS, signal)) {
    gate.taken();
    const bytes = position.take(frame);
    if (position.progress !== undefined) onProgress?.(position.progress);
    // After the last of them the end is waited for, all the same: a call that is left is a cancelled one.
    if (bytes !== undefined) yield bytes;
  }
}

function verified(progress: DownloadProgress, digest: FileDigest): DownloadProgress {
  const { sha256, size, blobId } = progress.blob;
  if (BigInt(digest.length) === size && !digest.value().equals(sha256)) {
    throw damaged(`the bytes of ${blobId} do not have its digest`);
  }
  return progress;
}

function isDamage(thrown: unknown): boolean {
  return thrown instanceof LeatError && thrown.reason === clientReasons.downloadDamaged;
}

function streamCut(): LeatError {
  const options = { code: Status.UNAVAILABLE, reason: clientReasons.streamCut };
  return new LeatError('the download ended before its end', options);
}

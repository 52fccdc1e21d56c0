import type {
  DeepPartial,
  UploadChunksRequest,
  UploadChunksResponse,
  UploadStart,
} from '../../../gen/leat/v1/upload_service.js';
import { crc32c } from '../crc32c.js';
import type { FileDigest } from '../file-digest.js';
import { LeatError } from '../leat-error.js';
import { linkSignals } from '../link-signals.js';
import { endOf, type Piece } from './piece-reader.js';
import type { SourceFeed } from './source-feed.js';
import { checkSize } from './upload-verdicts.js';
import type { UploadClient } from './upload-client.js';
import type { UploadLedger } from './upload-ledger.js';
import { watchDurable } from './watch-durable.js';

/** An upload that is under way. */
export interface Upload {
  readonly uploads: UploadClient;
  readonly start: DeepPartial<UploadStart> & { readonly uploadId: string };
  readonly feed: SourceFeed;
  readonly digest: FileDigest;
  readonly ledger: UploadLedger;
  readonly signal: AbortSignal;
}

/**
 * One call of UploadChunks, from a byte that the feed stands at. Sends `finish` if the source ended as it should;
 * otherwise the call ends without, and the service keeps what came.
 */
export async function uploadCall(upload: Upload, from: number): Promise<UploadChunksResponse> {
  const { uploads, start, feed, ledger } = upload;
  const call = linkSignals(upload.signal);
  const { signal } = call;
  let trouble: { readonly error: unknown } | undefined;
  const onDurable = (bytes: number) => {
    feed.release(bytes);
    ledger.durable(bytes);
  };
  const watching = watchDurable(uploads, {
    uploadId: start.uploadId,
    isUrgent: () => feed.needsRelease,
    isWatched: ledger.isWatched,
    onDurable,
    signal,
  }).catch((error: unknown) => {
    trouble = { error };
    call.abort();
  });
  try {
    return await uploads.uploadChunks(requests(upload, from, signal), { signal });
  } catch (error) {
    throw trouble === undefined ? error : LeatError.from(trouble.error);
  } finally {
    call.abort();
    call.unlink();
    await watching;
  }
}

type Frame = DeepPartial<UploadChunksRequest>;

async function* requests(upload: Upload, from: number, turn: AbortSignal): AsyncGenerator<Frame> {
  const { start, feed, digest, ledger } = upload;
  yield { frame: { $case: 'start', value: start } };
  for (;;) {
    const piece = await feed.peek(turn);
    // A turn that is over takes nothing: its piece belongs to the next one.
    if (turn.aborted) return;
    if (piece === undefined) break;
    takePiece(upload, piece);
    const skipped = Math.max(0, from - piece.offset);
    const data = piece.bytes.subarray(skipped);
    if (data.length === 0) continue;
    const offset = BigInt(piece.offset + skipped);
    yield { frame: { $case: 'chunk', value: { offset, data, crc32c: crc32c(data) } } };
    ledger.sent(data.length);
  }
  if (feed.failure !== undefined) return;
  ledger.ended(digest.length);
  await feed.confirm();
  checkSize(digest.length, feed.size, ledger.progress.durable);
  yield { frame: { $case: 'finish', value: { size: BigInt(digest.length), sha256: digest.value() } } };
}

function takePiece({ feed, digest, ledger }: Upload, piece: Piece): void {
  feed.take();
  digest.add(piece.offset, piece.bytes);
  ledger.read(digest.length);
}

/** Reads and hashes what is before this byte, without sending it. Stops early if the source ends, and notes that. */
export async function passOver(upload: Upload, to: number): Promise<void> {
  const { feed, digest, ledger, signal } = upload;
  for (;;) {
    const piece = await feed.peek(signal);
    if (piece === undefined && !signal.aborted && feed.failure === undefined) ledger.ended(digest.length);
    if (piece === undefined || endOf(piece) > to) return;
    takePiece(upload, piece);
  }
}

import { Status } from 'nice-grpc';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import type {
  BlobChunk,
  DownloadBlobRequest,
  DownloadBlobResponse,
  DeepPartial,
} from '../../../gen/leat/v1/blob_service.js';
import { crc32c } from '../crc32c.js';
import type { FileDigest } from '../file-digest.js';
import { clientReasons, LeatError } from '../leat-error.js';
import type { DownloadProgress } from './download-options.js';

export interface BlobRange {
  readonly blobId: string;
  readonly offset: number;
  /** Undefined: up to the end. */
  readonly length: number | undefined;
}

/** What has been read of a blob so far, and the request that goes on from there. */
export interface BlobPosition {
  /** Undefined until it is known what is coming. */
  readonly progress: DownloadProgress | undefined;
  /** True once all that was asked for is there. */
  readonly finished: boolean;
  request(): DeepPartial<DownloadBlobRequest>;
  /** Takes a frame, and gives the bytes that are in it. Throws for what does not fit what came before. */
  take(frame: DownloadBlobResponse['frame']): Uint8Array | undefined;
}

/** `digest` has what is before the range; what comes is added to it. */
export function createBlobPosition({ blobId, offset, length }: BlobRange, digest: FileDigest): BlobPosition {
  let position = offset;
  let received = 0;
  let blob: Blob | undefined;
  const end = ({ size }: Blob) => Math.min(Number(size), offset + (length ?? Number(size)));

  function takeChunk(chunk: BlobChunk): Uint8Array {
    const { data } = chunk;
    if (Number(chunk.offset) !== position) throw damaged(`a chunk for ${chunk.offset} came at ${position}`);
    if (crc32c(data) !== chunk.crc32c) throw damaged(`the checksum of the chunk at ${position} does not match`);
    position += data.length;
    received += data.length;
    if (digest.length >= offset) digest.add(position - data.length, data);
    return data;
  }

  return {
    get progress() {
      return blob && { blob, position, end: end(blob), received };
    },
    get finished() {
      return blob !== undefined && position >= end(blob);
    },
    request() {
      const rest = length === undefined ? undefined : BigInt(offset + length - position);
      return { blobId, offset: BigInt(position), length: rest };
    },
    take(frame) {
      if (frame?.$case === 'blob') blob = sameBlob(frame.value, blob);
      return frame?.$case === 'chunk' ? takeChunk(frame.value) : undefined;
    },
  };
}

/** The id is free for another upload once its blob is deleted. */
function sameBlob(told: Blob, known: Blob | undefined): Blob {
  if (known === undefined || Buffer.from(known.sha256).equals(told.sha256)) return told;
  throw new LeatError(`${told.blobId} is another blob by now; begin anew`, {
    code: Status.ABORTED,
    reason: clientReasons.blobChanged,
  });
}

/** What came, or what is there, is not what was stored. */
export function damaged(what: string): LeatError {
  return new LeatError(what, { code: Status.DATA_LOSS, reason: clientReasons.downloadDamaged });
}

import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import type { DeepPartial, DownloadBlobRequest } from '../../gen/leat/v1/blob_service.js';
import type { UploadChunksRequest, UploadChunksResponse, UploadStart } from '../../gen/leat/v1/upload_service.js';
import type { CallOptions } from 'nice-grpc-common';
import type { LeatServer } from './leat-server.js';
import { until } from './until.js';

export type UploadFrame = DeepPartial<UploadChunksRequest>;

export function startFrame(uploadId: string, fields: Omit<DeepPartial<UploadStart>, 'uploadId'> = {}): UploadFrame {
  return { frame: { $case: 'start', value: { uploadId, ...fields } } };
}

/** The bytes `[start, end)` of `content` as one chunk. */
export function chunkFrame(content: Buffer, start: number, end: number): UploadFrame {
  const data = content.subarray(start, end);
  return { frame: { $case: 'chunk', value: { offset: BigInt(start), data, crc32c: crc32c(data) } } };
}

/** The bytes of `content` from `from` on, as chunks of `size` bytes. */
export function chunkFrames(content: Buffer, { from = 0, size = 64 * 1024 } = {}): UploadFrame[] {
  const frames: UploadFrame[] = [];
  for (let offset = from; offset < content.length; offset += size) {
    frames.push(chunkFrame(content, offset, Math.min(offset + size, content.length)));
  }
  return frames;
}

/** Says that `content` is all. */
export function finishFrame(content: Buffer): UploadFrame {
  const sha256 = createHash('sha256').update(content).digest();
  return { frame: { $case: 'finish', value: { size: BigInt(content.length), sha256 } } };
}

/** Sends a stream of frames, then half-closes. */
export function sendFrames(
  { uploads }: Pick<LeatServer, 'uploads'>,
  frames: readonly UploadFrame[],
  options?: CallOptions,
): Promise<UploadChunksResponse> {
  return uploads.uploadChunks(
    (async function* () {
      yield* frames;
    })(),
    options,
  );
}

/** A client of any kind. */
interface Uploads {
  readonly uploads: {
    uploadChunks(frames: AsyncIterable<UploadFrame>, options?: CallOptions): Promise<UploadChunksResponse>;
  };
}

/** A stream that is sent step by step. */
export interface OpenUpload {
  send(...frames: readonly UploadFrame[]): void;
  /** Half-closes. */
  end(): void;
  readonly answer: Promise<UploadChunksResponse>;
  /** Resolves when the upload is there, with at least so many durable bytes. */
  received(uploadId: string, leat: Pick<LeatServer, 'store'>, bytes?: bigint): Promise<void>;
}

export function openUpload({ uploads }: Uploads, options?: CallOptions): OpenUpload {
  const queue: UploadFrame[] = [];
  let isOver = false;
  let wake: () => void = () => undefined;
  async function* frames() {
    for (;;) {
      yield* queue.splice(0);
      if (isOver && queue.length === 0) return;
      if (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  const answer = uploads.uploadChunks(frames(), options);
  answer.catch(() => undefined); // Looked at when the test comes to it.
  return {
    send(...more) {
      queue.push(...more);
      wake();
    },
    end() {
      isOver = true;
      wake();
    },
    answer,
    received: (uploadId, { store }, bytes = 0n) =>
      until(async () => ((await store.upload(uploadId))?.committedSize ?? -1) >= bytes),
  };
}

/** All bytes of a download, whose chunks are checked; fails if its end does not come. */
export async function downloadAll(
  { blobs }: Pick<LeatServer, 'blobs'>,
  request: DeepPartial<DownloadBlobRequest>,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const first = Number(request.offset ?? 0);
  let size = 0;
  for await (const { frame } of blobs.downloadBlob(request)) {
    if (frame?.$case === 'end') {
      if (Number(frame.value.offset) !== first + size) throw new Error(`the end is at ${frame.value.offset}`);
      return Buffer.concat(pieces);
    }
    if (frame?.$case !== 'chunk') continue;
    const { offset, data, crc32c: expected } = frame.value;
    if (Number(offset) !== first + size || crc32c(data) !== expected) throw new Error(`chunk at ${offset} is wrong`);
    pieces.push(data);
    size += data.length;
  }
  throw new Error('the download was cut');
}

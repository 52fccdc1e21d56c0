import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import type { DeepPartial, DownloadBlobRequest } from '../../gen/leat/v1/blob_service.js';
import type { UploadChunksRequest, UploadChunksResponse, UploadStart } from '../../gen/leat/v1/upload_service.js';
import type { LeatServer } from './leat-server.js';

export type UploadFrame = DeepPartial<UploadChunksRequest>;

export function startFrame(uploadId: string, fields: Omit<DeepPartial<UploadStart>, 'uploadId'> = {}): UploadFrame {
  return { frame: { $case: 'start', value: { uploadId, ...fields } } };
}

/** The bytes of `content` from `from` on, as chunks of `size` bytes. */
export function chunkFrames(content: Buffer, { from = 0, size = 64 * 1024 } = {}): UploadFrame[] {
  const frames: UploadFrame[] = [];
  for (let offset = from; offset < content.length; offset += size) {
    const data = content.subarray(offset, offset + size);
    frames.push({ frame: { $case: 'chunk', value: { offset: BigInt(offset), data, crc32c: crc32c(data) } } });
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
): Promise<UploadChunksResponse> {
  return uploads.uploadChunks(
    (async function* () {
      yield* frames;
    })(),
  );
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

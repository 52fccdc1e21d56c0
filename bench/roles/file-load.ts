import { randomUUID } from 'node:crypto';
import { DownloadBlobRequest } from '../../gen/leat/v1/blob_service.js';
import { DeleteBlobRequest } from '../../gen/leat/v1/blob_service.js';
import { frame } from '../load/events.js';
import { createChunkFrames, finishFrame, startFrame } from '../load/file-frames.js';
import { rawConnection, send } from '../load/raw-call.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import { timed } from '../processes/usage.js';

export interface FileLoadOptions {
  readonly port: number;
}

export interface UploadOrder {
  readonly fileBytes: number;
  readonly chunkBytes: number;
  readonly seconds: number;
  /** Send a CRC-32C with each chunk, to be checked. */
  readonly checksummed: boolean;
}

export interface FileRate {
  readonly bytesPerSecond: number;
  /** How busy this process was (1 = one core). */
  readonly cpu: number;
}

const { port } = roleOptions<FileLoadOptions>();
const connection = await rawConnection(port);

async function upload({ fileBytes, chunkBytes, checksummed }: UploadOrder): Promise<string> {
  const uploadId = randomUUID();
  const chunk = createChunkFrames(chunkBytes, checksummed);
  const { stream, done } = connection.call('/leat.v1.UploadService/UploadChunks');
  stream.resume();
  stream.write(startFrame(uploadId));
  for (let offset = 0; offset < fileBytes; offset += chunkBytes) {
    stream.cork();
    const [head, data, tail] = chunk(offset);
    if (!head || !data || !tail) throw new Error('a chunk has three parts');
    stream.write(head);
    stream.write(data);
    const sent = send(stream, tail);
    stream.uncork();
    await sent;
  }
  stream.end(finishFrame(fileBytes));
  await done;
  return uploadId;
}

async function remove(blobId: string): Promise<void> {
  const { stream, done } = connection.call('/leat.v1.BlobService/DeleteBlob');
  stream.resume();
  stream.end(frame(DeleteBlobRequest.encode(DeleteBlobRequest.fromPartial({ blobId })).finish()));
  await done;
}

async function download(blobId: string, fileBytes: number): Promise<void> {
  const { stream, done } = connection.call('/leat.v1.BlobService/DownloadBlob');
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  stream.end(frame(DownloadBlobRequest.encode(DownloadBlobRequest.fromPartial({ blobId })).finish()));
  await done;
  if (bytes < fileBytes) throw new Error(`${bytes} bytes came, of a file of ${fileBytes}`);
}

const commands = {
  /** Uploads one file after the other, each durable, for some seconds; what was uploaded goes afterwards. */
  async upload(order: UploadOrder): Promise<FileRate> {
    const blobs: string[] = [];
    const { seconds, cpu } = await timed(async () => {
      const until = performance.now() + order.seconds * 1000;
      do blobs.push(await upload(order));
      while (performance.now() < until);
    });
    for (const blob of blobs) await remove(blob);
    return { bytesPerSecond: (blobs.length * order.fileBytes) / seconds, cpu };
  },

  /** Uploads what is downloaded. */
  fill: (fileBytes: number): Promise<string> =>
    upload({ fileBytes, chunkBytes: 2 ** 18, seconds: 0, checksummed: true }),

  /** Downloads a file again and again for some seconds. */
  async download({ blobId, fileBytes, seconds }: { blobId: string; fileBytes: number; seconds: number }) {
    let files = 0;
    const run = await timed(async () => {
      const until = performance.now() + seconds * 1000;
      do await download(blobId, fileBytes);
      while ((files++, performance.now() < until));
    });
    return { bytesPerSecond: (files * fileBytes) / run.seconds, cpu: run.cpu } satisfies FileRate;
  },
};

export type FileLoadRole = typeof commands;

playRole(commands);

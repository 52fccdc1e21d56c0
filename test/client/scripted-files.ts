import { createHash } from 'node:crypto';
import { createServer, ServerError, Status, type CallContext } from 'nice-grpc';
import { Blob } from '../../gen/leat/v1/blob.js';
import {
  BlobServiceDefinition,
  type DownloadBlobRequest,
  type DownloadBlobResponse,
} from '../../gen/leat/v1/blob_service.js';
import {
  UploadServiceDefinition,
  UploadState,
  type DeepPartial,
  type UploadChunksRequest,
  type UploadChunksResponse,
} from '../../gen/leat/v1/upload_service.js';
import { crc32c } from '../../src/client/crc32c.js';
import { DETAILS_TRAILER, encodeStatus, errorInfo, retryInfo } from '../../src/middleware/error-details.js';

/** Ends the call as the service would. `retryAfterMs`: when the caller should try again, if it should. */
export type Refuse = (code: Status, reason: string, retryAfterMs?: number) => never;

/** What a service may do that a healthy one does not; `call` counts from 1. */
export interface FileScript {
  /** Before a chunk is taken. True: the call ends here, with OK. */
  onChunk?(offset: number, call: number, refuse: Refuse): boolean | void | Promise<void>;
  onFinish?(call: number, refuse: Refuse): void | Promise<void>;
  /** The frames of a download, before they are sent. */
  onFrame?(frame: DeepPartial<DownloadBlobResponse>, call: number): DeepPartial<DownloadBlobResponse> | undefined;
  /** What GetUpload says is durable. */
  durable?(received: number): number;
}

/** Uploads and blobs in memory, for what a real service cannot be brought to do. */
export interface ScriptedFiles {
  readonly address: string;
  script: FileScript;
  readonly blobs: Map<string, Buffer>;
  readonly uploads: Map<string, Buffer>;
  /** How many calls of each method there were. */
  readonly calls: Record<'upload' | 'get' | 'download', number>;
  /** Offsets of the chunks that came, in their order. */
  readonly offsets: number[];
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startScriptedFiles(): Promise<ScriptedFiles> {
  const server = createServer();
  const files: Omit<ScriptedFiles, 'address'> = {
    script: {},
    blobs: new Map(),
    uploads: new Map(),
    calls: { upload: 0, get: 0, download: 0 },
    offsets: [],
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
  server.add(UploadServiceDefinition, {
    uploadChunks: (frames, context) => receive(files, frames, refuser(context)),
    getUpload: ({ uploadId }, context) => {
      files.calls.get++;
      return Promise.resolve(
        describeIfThere(files, uploadId) ?? refuser(context)(Status.NOT_FOUND, 'UPLOAD_NOT_FOUND'),
      );
    },
    cancelUpload: (_request, context) => refuser(context)(Status.UNIMPLEMENTED, 'UNSCRIPTED'),
    listUploads: (_request, context) => refuser(context)(Status.UNIMPLEMENTED, 'UNSCRIPTED'),
  });
  server.add(BlobServiceDefinition, {
    downloadBlob: (request, context) => send(files, request, refuser(context)),
    getBlob: ({ blobId }, context) => Promise.resolve({ blob: blobOf(files, blobId, refuser(context)) }),
    listBlobs: (_request, context) => refuser(context)(Status.UNIMPLEMENTED, 'UNSCRIPTED'),
    deleteBlob: (_request, context) => refuser(context)(Status.UNIMPLEMENTED, 'UNSCRIPTED'),
  });
  const port = await server.listen('127.0.0.1:0');
  return Object.assign(files, { address: `127.0.0.1:${port}` });
}

function refuser({ trailer }: CallContext): Refuse {
  return (code, reason, retryAfterMs) => {
    const details = [errorInfo(reason), ...(retryAfterMs === undefined ? [] : [retryInfo(retryAfterMs)])];
    trailer.set(DETAILS_TRAILER, encodeStatus(code, reason, details));
    throw new ServerError(code, reason);
  };
}

type Files = Omit<ScriptedFiles, 'address'>;

async function receive(
  files: Files,
  frames: AsyncIterable<UploadChunksRequest>,
  refuse: Refuse,
): Promise<DeepPartial<UploadChunksResponse>> {
  const call = ++files.calls.upload;
  let uploadId = '';
  for await (const { frame } of frames) {
    if (frame?.$case === 'start') {
      uploadId = frame.value.uploadId;
      const known = describeIfThere(files, uploadId);
      if (known?.blob !== undefined) return known;
      if (known === undefined) files.uploads.set(uploadId, Buffer.alloc(0));
    } else if (frame?.$case === 'chunk') {
      const { offset, data, crc32c: checksum } = frame.value;
      if ((await files.script.onChunk?.(Number(offset), call, refuse)) === true) break;
      if (crc32c(data) !== checksum) refuse(Status.DATA_LOSS, 'CHECKSUM_MISMATCH');
      const had = files.uploads.get(uploadId) ?? Buffer.alloc(0);
      if (Number(offset) > had.length) refuse(Status.OUT_OF_RANGE, 'WRONG_OFFSET');
      files.offsets.push(Number(offset));
      files.uploads.set(uploadId, Buffer.concat([had.subarray(0, Number(offset)), data]));
    } else if (frame?.$case === 'finish') {
      await files.script.onFinish?.(call, refuse);
      files.blobs.set(uploadId, files.uploads.get(uploadId) ?? Buffer.alloc(0));
      files.uploads.delete(uploadId);
    }
  }
  return describeIfThere(files, uploadId) ?? refuse(Status.NOT_FOUND, 'UPLOAD_CANCELLED');
}

function describeIfThere(files: Files, uploadId: string): DeepPartial<UploadChunksResponse> | undefined {
  const bytes = files.uploads.get(uploadId);
  if (bytes !== undefined) {
    const committedSize = BigInt(files.script.durable?.(bytes.length) ?? bytes.length);
    return { upload: { uploadId, state: UploadState.UPLOAD_STATE_PARTIAL, committedSize } };
  }
  const stored = files.blobs.get(uploadId);
  const blob = stored && toBlob(uploadId, stored);
  return blob && { upload: { uploadId, state: UploadState.UPLOAD_STATE_COMPLETE, committedSize: blob.size }, blob };
}

function blobOf({ blobs }: Files, blobId: string, refuse: Refuse): Blob {
  return toBlob(blobId, blobs.get(blobId) ?? refuse(Status.NOT_FOUND, 'BLOB_NOT_FOUND'));
}

function toBlob(blobId: string, bytes: Buffer): Blob {
  const sha256 = createHash('sha256').update(bytes).digest();
  return Blob.fromPartial({ blobId, name: blobId, size: BigInt(bytes.length), sha256 });
}

async function* send(
  files: Files,
  { blobId, offset, length }: DownloadBlobRequest,
  refuse: Refuse,
): AsyncGenerator<DeepPartial<DownloadBlobResponse>> {
  const call = ++files.calls.download;
  const blob = blobOf(files, blobId, refuse);
  const end = length === undefined ? blob.size : offset + length;
  const bytes = (files.blobs.get(blobId) ?? Buffer.alloc(0)).subarray(0, Number(end));
  const frames: DeepPartial<DownloadBlobResponse>[] = [{ frame: { $case: 'blob', value: blob } }];
  for (let at = Number(offset); at < bytes.length; at += 64 << 10) {
    const data = bytes.subarray(at, at + (64 << 10));
    frames.push({ frame: { $case: 'chunk', value: { offset: BigInt(at), data, crc32c: crc32c(data) } } });
  }
  frames.push({ frame: { $case: 'end', value: { offset: BigInt(bytes.length), sha256: blob.sha256 } } });
  for (const frame of frames) {
    const scripted = files.script.onFrame === undefined ? frame : files.script.onFrame(frame, call);
    if (scripted === undefined) return;
    yield scripted;
  }
}

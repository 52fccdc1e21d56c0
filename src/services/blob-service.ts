import { abortable } from 'abort-controller-x';
import type { CallContext } from 'nice-grpc-common';
import type {
  DeleteBlobRequest,
  DownloadBlobRequest,
  GetBlobRequest,
  ListBlobsRequest,
} from '../../gen/leat/v1/blob_service.js';
import type { BlobDirectory, OpenBlob } from '../domain/blobs/blob-directory.js';
import { createPageReader, endOf } from '../domain/blobs/blob-download.js';
import {
  type BlobRange,
  readDeleteBlob,
  readDownload,
  readGetBlob,
  readListBlobs,
} from '../domain/blobs/blob-requests.js';
import { createTokenCodec } from '../domain/tokens.js';
import { BLOBS_TOPIC } from '../domain/topics/system-topics.js';
import type { LeatCallContext } from '../middleware/call-context.js';
import { chunkFrame, chunkHeadSize, type DownloadFrame, plainFrame } from './chunk-codec.js';

export interface BlobServiceDeps {
  readonly blobs: BlobDirectory;
  /** Of the store. */
  readonly epoch: string;
}

type Context = CallContext & LeatCallContext;

/** The methods whose bytes pass through as they are; see withStrictCodec. */
export const blobCodecs = {
  downloadBlob: { responseSerialize: (frame: DownloadFrame) => frame.take() },
};

/** The handlers of BlobService. */
export function createBlobService({ blobs, epoch }: BlobServiceDeps) {
  const positions = createTokenCodec({ epoch, kind: 'events', subject: BLOBS_TOPIC });

  return {
    async *downloadBlob(request: DownloadBlobRequest, context: Context): AsyncGenerator<DownloadFrame> {
      const range = readDownload(request);
      const opened = await blobs.open(range.blobId, context.signal);
      try {
        yield* send(opened, range, context);
      } finally {
        await opened.close();
      }
    },
    async getBlob(request: GetBlobRequest) {
      return { blob: await blobs.find(readGetBlob(request)) };
    },
    async listBlobs(request: ListBlobsRequest) {
      const { snapshot, ...page } = await blobs.list(readListBlobs(epoch, request));
      const resumeToken = positions.encode({ ...snapshot, key: '' });
      return { ...page, readOffset: BigInt(snapshot.offset), resumeToken };
    },
    async deleteBlob(request: DeleteBlobRequest, context: Context) {
      return { offset: BigInt(await blobs.remove(readDeleteBlob(request), context)) };
    },
  };
}

async function* send(opened: OpenBlob, range: BlobRange, { outbox }: Context): AsyncGenerator<DownloadFrame> {
  const { blob, signal } = opened;
  const end = endOf(blob, range);
  yield plainFrame({ $case: 'blob', value: blob });
  const pages = createPageReader(opened, range, chunkHeadSize);
  while (!pages.isDone) {
    // Not in a variable: whoever waits below holds no page.
    yield chunkFrame(await abortable(signal, pages.take()));
    // Only now is more read: a reader who stops holds what is on its way to the socket, and little else.
    await outbox.waitUntilBelow(opened.share.pagesAhead, signal);
  }
  yield plainFrame({ $case: 'end', value: { offset: BigInt(end), sha256: blob.sha256 } });
}

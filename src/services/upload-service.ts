import { abortable } from 'abort-controller-x';
import type {
  UploadChunksRequest,
  UploadChunksResponse,
  UploadServiceImplementation,
} from '../../gen/leat/v1/upload_service.js';
import { invalid } from '../domain/errors.js';
import type { Call, UploadDirectory } from '../domain/uploads/upload-directory.js';
import { completeUpload } from '../domain/uploads/upload-record.js';
import { readFirstFrame, readLaterFrame, readListUploads, readUploadId } from '../domain/uploads/upload-requests.js';
import type { UploadSession } from '../domain/uploads/upload-session.js';
import type { LeatCallContext } from '../middleware/call-context.js';

export interface UploadServiceDeps {
  readonly uploads: UploadDirectory;
  /** Of the store. */
  readonly epoch: string;
}

/** The handlers of UploadService. */
export function createUploadService({
  uploads,
  epoch,
}: UploadServiceDeps): UploadServiceImplementation<LeatCallContext> {
  return {
    async uploadChunks(requests, call) {
      const frames = requests[Symbol.asyncIterator]();
      const first = await frames.next();
      if (first.done) throw invalid([{ field: 'start', description: 'is required: the stream has no frame' }]);
      const start = readFirstFrame(first.value);
      const session = await uploads.start(start, call);
      const complete = await closing(session, () => receive(frames, session));
      return complete ?? describe(uploads, start.uploadId, call);
    },
    async getUpload(request, { caller }) {
      return uploads.find(readUploadId(request), caller);
    },
    async cancelUpload(request, call) {
      await uploads.cancel(readUploadId(request), call);
      return {};
    },
    async listUploads(request, { caller }) {
      return uploads.list(readListUploads(epoch, caller, request), caller);
    },
  };
}

/** Takes the frames in; undefined if they end without finish. */
async function receive(
  frames: AsyncIterator<UploadChunksRequest>,
  session: UploadSession,
): Promise<UploadChunksResponse | undefined> {
  for (;;) {
    const next = await abortable(session.signal, frames.next());
    if (next.done) return undefined;
    const frame = readLaterFrame(next.value);
    if (frame.$case === 'chunk') {
      await session.add(frame.value);
      continue;
    }
    const blob = await session.finish(frame.value);
    return { upload: completeUpload(blob), bytesReceived: blob.size, blob };
  }
}

/** Whatever happens, what was received is kept; of two errors the first one tells more. */
async function closing<T>(session: UploadSession, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await session.close().catch(() => undefined);
    throw error;
  }
  await session.close();
  return result;
}

async function describe(uploads: UploadDirectory, uploadId: string, { caller }: Call): Promise<UploadChunksResponse> {
  const { upload, blob } = await uploads.find(uploadId, caller);
  return { upload, bytesReceived: upload.committedSize, blob };
}

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Status } from 'nice-grpc';
import { createLeatClient, type LeatClient, LeatError, type UploadOptions } from '../../src/client/index.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { until } from '../support/until.js';
import { type ScriptedFiles, startScriptedFiles } from './scripted-files.js';

const PIECE = 256 << 10;
const backoff = { initialMs: 1, maxMs: 5 };
let resources: ResourceStack;
let files: ScriptedFiles;
let client: LeatClient;

beforeEach(async () => {
  resources = createResourceStack();
  files = resources.use(await startScriptedFiles());
  client = resources.use(createLeatClient({ address: files.address }));
});
afterEach(() => resources.dispose());

async function failureOf(uploading: Promise<unknown>): Promise<LeatError> {
  const error = await uploading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LeatError) return error;
  throw new Error('it did not fail as it should', { cause: error });
}

/** Pieces of one stream, and how many were taken. */
function stream(bytes: Buffer) {
  const state = { given: 0, returned: false };
  async function* pieces() {
    try {
      for (let at = 0; at < bytes.length; at += PIECE) {
        state.given++;
        yield bytes.subarray(at, at + PIECE);
      }
    } finally {
      state.returned = true;
    }
  }
  return { state, source: pieces() };
}

describe('upload, when the service finds fault with something', () => {
  it('sends again what was damaged on its way, and gives up when it is damaged for ever', async () => {
    const bytes = randomBytes(3 * PIECE);
    files.script = {
      onChunk: (offset, call, refuse) =>
        void (offset === PIECE && call < 3 && refuse(Status.DATA_LOSS, 'CHECKSUM_MISMATCH')),
    };
    const { uploadId } = await client.upload(bytes, { backoff });
    expect(files.blobs.get(uploadId)?.equals(bytes)).toBe(true);
    files.script = {
      onChunk: (offset, _call, refuse) => void (offset > 0 && refuse(Status.DATA_LOSS, 'CHECKSUM_MISMATCH')),
    };
    expect(await failureOf(client.upload(bytes, { uploadId: 'bad', backoff }))).toMatchObject({
      code: Status.DATA_LOSS,
      reason: 'CHECKSUM_MISMATCH',
      uploaded: { uploadId: 'bad', durable: PIECE },
    });
  });

  it('goes on where the service is, if it was wrong about that', async () => {
    const bytes = randomBytes(3 * PIECE);
    files.uploads.set('ahead', bytes.subarray(0, PIECE));
    let told = 0;
    files.script = { durable: (received) => (told++ === 0 ? 3 * PIECE : received) };
    await client.upload(bytes, { uploadId: 'ahead', backoff });
    expect(files.blobs.get('ahead')?.equals(bytes)).toBe(true);
    expect(files.calls.upload).toBe(2);
  });

  it('takes no end for the end but a blob', async () => {
    const bytes = randomBytes(4 * PIECE);
    files.script = { onChunk: (offset, call) => offset === PIECE * call && call < 3 };
    const setbacks: (string | undefined)[] = [];
    const onSetback: UploadOptions['onSetback'] = ({ error }) => setbacks.push(error.reason);
    const { uploadId } = await client.upload(bytes, { backoff, onSetback });
    expect(files.blobs.get(uploadId)?.equals(bytes)).toBe(true);
    expect(setbacks).toEqual(['STREAM_CUT', 'STREAM_CUT']);
  });

  it('throws what it refuses, after as many tries as it is told, with what is durable', async () => {
    files.script = { onChunk: (offset, _call, refuse) => void (offset > 0 && refuse(Status.ABORTED, 'UPLOAD_FENCED')) };
    const fenced = await failureOf(client.upload(randomBytes(2 * PIECE), { uploadId: 'fenced' }));
    expect(fenced).toMatchObject({
      reason: 'UPLOAD_FENCED',
      uploaded: { uploadId: 'fenced', sent: expect.any(Number) },
    });
    files.script = { onFinish: (_call, refuse) => refuse(Status.UNAVAILABLE, 'DRAINING') };
    const setbacks: number[] = [];
    const options: UploadOptions = { backoff, maxAttempts: 4, onSetback: ({ attempt }) => setbacks.push(attempt) };
    expect(await failureOf(client.upload(randomBytes(10), options))).toMatchObject({
      code: Status.UNAVAILABLE,
      uploaded: { durable: 10, read: 10, size: 10 },
    });
    // What became durable with the first try was progress.
    expect(setbacks).toEqual([1, 1, 2, 3]);
  });

  it('ends at once when the disk of the service is full, with what is durable, and goes on when it is told to', async () => {
    const bytes = randomBytes(3 * PIECE);
    let isFull = true;
    files.script = {
      onChunk: (offset, _call, refuse) =>
        void (isFull && offset >= PIECE && refuse(Status.RESOURCE_EXHAUSTED, 'DISK_FULL', 1)),
    };
    const setbacks: (string | undefined)[] = [];
    const options: UploadOptions = {
      uploadId: 'full',
      backoff,
      onSetback: ({ error }) => setbacks.push(error.reason),
    };
    expect(await failureOf(client.upload(bytes, options))).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      reason: 'DISK_FULL',
      uploaded: { uploadId: 'full', size: bytes.length },
    });
    expect({ setbacks, calls: files.calls.upload }).toEqual({ setbacks: [], calls: 1 });
    isFull = false;
    expect(await client.upload(bytes, options)).toMatchObject({ resumedAt: PIECE });
    expect(files.blobs.get('full')?.equals(bytes)).toBe(true);
  });

  it('waits for a service that is overloaded, and reports why', async () => {
    const bytes = randomBytes(2 * PIECE);
    files.script = {
      onChunk: (offset, call, refuse) =>
        void (call < 3 && offset > 0 && refuse(Status.RESOURCE_EXHAUSTED, 'OVERLOADED', 1)),
    };
    const setbacks: (string | undefined)[] = [];
    const { uploadId } = await client.upload(bytes, { backoff, onSetback: ({ error }) => setbacks.push(error.reason) });
    expect(files.blobs.get(uploadId)?.equals(bytes)).toBe(true);
    expect(setbacks).toEqual(['OVERLOADED', 'OVERLOADED']);
  });

  it('does not begin anew what somebody threw away', async () => {
    const { source } = stream(randomBytes(4 * PIECE));
    // Half a second passes until progress is asked for; a window that is full asks at once.
    files.script = {
      async onChunk(offset, _call, refuse) {
        if (offset < 2 * PIECE) return;
        await until(() => files.calls.get > 3);
        files.uploads.delete('gone');
        refuse(Status.UNAVAILABLE, 'DRAINING');
      },
    };
    const error = await failureOf(client.upload(source, { uploadId: 'gone', windowBytes: PIECE, backoff }));
    expect(error).toMatchObject({ code: Status.NOT_FOUND, reason: 'UPLOAD_GONE', uploaded: { durable: 2 * PIECE } });
  });
});

describe('a stream', () => {
  it('is read no further than its window while nothing is durable, and goes on when it is', async () => {
    const { source, state } = stream(randomBytes(12 * PIECE));
    let durable = 0;
    files.script = { durable: () => durable };
    const uploading = client.upload(source, { uploadId: 'held', windowBytes: 4 * PIECE });
    // It asks often, because it waits; and meanwhile takes nothing more.
    await until(() => files.calls.get > 5);
    // The window, and the piece that is collected behind it.
    expect(state.given).toBeLessThanOrEqual(5);
    durable = 2 * PIECE;
    await until(() => state.given >= 6);
    files.script = {};
    const { blob } = await uploading;
    expect(blob.size).toBe(BigInt(12 * PIECE));
    expect(state.returned).toBe(true);
  });

  it('passes over what is durable already, however much more that is than its window', async () => {
    const bytes = randomBytes(8 * PIECE);
    files.uploads.set('resumed', bytes.subarray(0, 6 * PIECE));
    const { source } = stream(bytes);
    const result = await client.upload(source, { uploadId: 'resumed', windowBytes: 2 * PIECE });
    expect(result).toMatchObject({ resumedAt: 6 * PIECE, sent: 3 * PIECE });
    expect(files.blobs.get('resumed')?.equals(bytes)).toBe(true);
  });

  it('says so when bytes are wanted again that it has let go', async () => {
    const { source } = stream(randomBytes(8 * PIECE));
    files.script = {
      onChunk: async (offset, call, refuse) => {
        if (offset < 3 * PIECE || call > 1) return;
        await until(() => files.calls.get > 3);
        files.uploads.set('back', Buffer.alloc(0));
        refuse(Status.UNAVAILABLE, 'STORE_CLOSED');
      },
    };
    const error = await failureOf(client.upload(source, { uploadId: 'back', windowBytes: 2 * PIECE, backoff }));
    expect(error).toMatchObject({ reason: 'SOURCE_GONE' });
  });

  it('is told that no more of it is wanted, even while it has nothing to give', async () => {
    const stop = new AbortController();
    let cancelled = false;
    const web = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from('first')),
      cancel: () => void (cancelled = true),
    });
    const uploading = client.upload(web, { signal: stop.signal });
    await until(() => files.offsets.length === 1);
    stop.abort();
    await expect(uploading).rejects.toMatchObject({ name: 'AbortError' });
    expect(cancelled).toBe(true);
  });
});

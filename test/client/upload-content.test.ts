import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import {
  createLeatClient,
  LeatError,
  type LeatClient,
  type UploadOptions,
  type UploadSource,
} from '../../src/client/index.js';
import { startCuttingProxy } from '../support/cutting-proxy.js';
import { until } from '../support/until.js';
import { createResourceStack } from '../support/resource-stack.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { makeTempDir } from '../support/temp-dir.js';
import { chunkFrames, downloadAll, finishFrame, sendFrames, startFrame } from '../support/uploads.js';

const PIECE = 256 << 10;
const resources = createResourceStack();
let server: LeatServer;
let client: LeatClient;
let dir: string;
let ids = 0;

beforeAll(async () => {
  server = resources.use(await startLeat());
  client = resources.use(createLeatClient({ address: `127.0.0.1:${server.grpcPort}` }));
  dir = resources.use(await makeTempDir()).path;
});
afterAll(() => resources.dispose());

async function fileOf(bytes: Buffer): Promise<string> {
  const file = path.join(dir, `file-${++ids}`);
  await writeFile(file, bytes);
  return file;
}

async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

const sources: Readonly<Record<string, (bytes: Buffer) => UploadSource | Promise<UploadSource>>> = {
  'a file': fileOf,
  bytes: (bytes) => bytes,
  'an async iterable': pieces,
  'a Node stream': (bytes) => Readable.from(pieces(bytes)),
  'a web stream': (bytes) => ReadableStream.from(pieces(bytes)),
  'a function': (bytes) => (offset) => pieces(bytes.subarray(offset)),
};

/** How an upload ended: "done", or the reason of its failure. */
async function outcomeOf(uploading: Promise<unknown>): Promise<string> {
  return uploading.then(
    () => 'done',
    (error: unknown) => (error instanceof LeatError ? (error.reason ?? error.message) : String(error)),
  );
}

/** Content beside the one that is stored: what an earlier or a later state of the same file could be. */
function variantsOf(stored: Buffer): Record<string, Buffer> {
  const changed = Buffer.from(stored);
  if (changed.length > 0) changed[0] = (changed[0] ?? 0) ^ 1;
  return {
    empty: Buffer.alloc(0),
    'a byte': Buffer.from('x'),
    same: stored,
    'longer by a byte': Buffer.concat([stored, Buffer.from('x')]),
    'longer by pieces': Buffer.concat([stored, randomBytes(2 * PIECE + 1)]),
    'shorter by a byte': stored.subarray(0, Math.max(0, stored.length - 1)),
    'the first piece': stored.subarray(0, PIECE),
    'of the same size': changed,
  };
}

const sizes = [0, 1, PIECE, 2 * PIECE + 7];

describe('an upload under the id of a blob', () => {
  it.each(Object.entries(sources))(
    'succeeds for the content of the blob, and for no other: %s',
    async (_kind, make) => {
      for (const size of sizes) {
        const stored = randomBytes(size);
        const uploadId = `blob-${++ids}`;
        const { blob } = await client.upload(stored, { uploadId });
        for (const [name, content] of Object.entries(variantsOf(stored))) {
          const expected = content.equals(stored) ? 'done' : 'BLOB_DIFFERS';
          const outcome = await outcomeOf(client.upload(await make(content), { uploadId }));
          expect({ size, name, outcome }).toEqual({ size, name, outcome: expected });
        }
        expect((await client.blobs.getBlob({ blobId: uploadId })).blob).toEqual(blob);
        expect((await downloadAll(server, { blobId: uploadId })).equals(stored)).toBe(true);
      }
    },
  );

  it('is refused when another upload completes the blob, and the source has more than was read by then', async () => {
    const proxy = await startCuttingProxy(server.grpcPort);
    const own = createLeatClient({ address: `127.0.0.1:${proxy.port}` });
    let sent = 0;
    async function* source() {
      yield Buffer.from('a');
      await until(() => sent === 1);
      proxy.plan(...Array.from({ length: 100 }, () => ({ toServer: 0 })));
      proxy.cutNow();
      await client.upload(pieces(Buffer.from('a')), { uploadId: 'raced' });
      proxy.heal();
      yield Buffer.from('b');
    }
    try {
      const options: UploadOptions = { uploadId: 'raced', backoff: { initialMs: 1, maxMs: 5 } };
      const uploading = own.upload(source(), { ...options, onProgress: (told) => (sent = told.sent) });
      expect(await outcomeOf(uploading)).toBe('BLOB_DIFFERS');
      expect((await downloadAll(server, { blobId: 'raced' })).toString()).toBe('a');
    } finally {
      await own.close();
      await proxy[Symbol.asyncDispose]();
    }
  });

  it('is refused if a source of known size gives more or less than that', async () => {
    for (const stored of [Buffer.alloc(0), Buffer.from('abc')]) {
      const uploadId = `sized-${++ids}`;
      await client.upload(stored, { uploadId });
      for (const content of ['', 'ab', 'abcd']) {
        if (content === stored.toString()) continue;
        for (const source of [
          pieces(Buffer.from(content)),
          (from: number) => pieces(Buffer.from(content).subarray(from)),
        ]) {
          const outcome = await outcomeOf(client.upload(source, { uploadId, size: stored.length }));
          expect({ content, outcome }).toEqual({ content, outcome: 'BLOB_DIFFERS' });
        }
      }
    }
  });
});

describe('an upload that was begun', () => {
  it.each(Object.entries(sources))('is completed by no shorter content than is stored: %s', async (_kind, make) => {
    const stored = randomBytes(PIECE + 9);
    const sizesLeft = { empty: 0, 'a byte': 1, 'shorter by a byte': stored.length - 1 };
    for (const [name, size] of Object.entries(sizesLeft)) {
      const uploadId = `begun-${++ids}`;
      await sendFrames(server, [startFrame(uploadId, { name: 'n' }), ...chunkFrames(stored)]);
      const outcome = await outcomeOf(client.upload(await make(stored.subarray(0, size)), { uploadId, name: 'n' }));
      expect({ name, outcome }).toEqual({ name, outcome: expect.stringMatching(/^(?:SOURCE_SIZE|UPLOAD)_DIFFERS$/) });
      // Nothing is lost: the content that it was begun with completes it.
      expect(await outcomeOf(client.upload(pieces(stored), { uploadId, name: 'n' }))).toBe('done');
    }
  });
});

describe('an empty blob on the wire', () => {
  it('takes a repetition of its upload, and neither chunks nor another size or digest', async () => {
    const empty = Buffer.alloc(0);
    const other = Buffer.from('x');
    const start = startFrame('wire-empty');
    await sendFrames(server, [start, finishFrame(empty)]);
    const { blob } = await sendFrames(server, [start, finishFrame(empty)]);
    expect(blob).toMatchObject({ blobId: 'wire-empty', size: 0n });
    for (const frames of [
      [start, ...chunkFrames(other)],
      [start, ...chunkFrames(other), finishFrame(other)],
      [start, finishFrame(other)],
      [start, { frame: { $case: 'finish', value: { size: 0n, sha256: randomBytes(32) } } } as const],
      [startFrame('wire-empty', { size: 1n })],
    ]) {
      await expect(sendFrames(server, frames)).rejects.toMatchObject({
        details: expect.stringContaining('wire-empty'),
      });
    }
    // An announced size of 0 is a size.
    await sendFrames(server, [startFrame('wire-zero', { size: 0n })]);
    await expect(
      sendFrames(server, [startFrame('wire-zero', { size: 0n }), ...chunkFrames(other), finishFrame(other)]),
    ).rejects.toMatchObject({ details: expect.stringContaining('wire-zero') });
    await expect(client.blobs.getBlob({ blobId: 'wire-zero' })).rejects.toMatchObject({ reason: 'BLOB_NOT_FOUND' });
  });
});

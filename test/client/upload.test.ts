import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { Status } from 'nice-grpc';
import {
  createLeatClient,
  LeatError,
  UploadState,
  type LeatClient,
  type Setback,
  type UploadOptions,
  type UploadProgress,
  type UploadSource,
} from '../../src/client/index.js';
import { startCuttingProxy } from '../support/cutting-proxy.js';
import { countOpen } from '../support/open-files.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';
import { until } from '../support/until.js';
import { downloadAll } from '../support/uploads.js';

const PIECE = 256 << 10;
const backoff = { initialMs: 1, maxMs: 5 };
let server: LeatServer;
let client: LeatClient;
let dir: TempDir;
let resources: ResourceStack;
let ids = 0;

beforeAll(async () => {
  server = await startLeat();
  client = createLeatClient({ address: `127.0.0.1:${server.grpcPort}` });
  dir = await makeTempDir();
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});
beforeEach(() => void (resources = createResourceStack()));
afterEach(async () => {
  await resources.dispose();
  await server.idle();
});

const freshId = () => `upload-${++ids}`;
const below = (limit: number) => Math.floor(Math.random() * limit);

async function fileOf(bytes: Uint8Array): Promise<string> {
  const file = path.join(dir.path, `file-${++ids}`);
  await writeFile(file, bytes);
  return file;
}

async function failureOf(uploading: Promise<unknown>): Promise<LeatError> {
  const error = await uploading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LeatError) return error;
  throw new Error('it did not fail as it should', { cause: error });
}

async function isStored(uploadId: string, bytes: Buffer): Promise<boolean> {
  return (await downloadAll(server, { blobId: uploadId })).equals(bytes);
}

/** The bytes in parts of random sizes, none of them larger than `max`. */
async function* parts(bytes: Buffer, max: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const part = bytes.subarray(at, at + below(max) + 1);
    at += part.length;
    yield part;
  }
}

type MakeSource = (bytes: Buffer) => UploadSource | Promise<UploadSource>;

const kinds: Readonly<Record<string, MakeSource>> = {
  'the path of a file': fileOf,
  bytes: (bytes) => bytes,
  'a function that opens a stream': (bytes) => (offset) => parts(bytes.subarray(offset), 700_000),
  'a function that opens one in time': (bytes) => async (offset) =>
    Promise.resolve(Readable.from(parts(bytes.subarray(offset), 9_000))),
  "a stream of Node's": (bytes) => Readable.from(parts(bytes, 70_000)),
  'a stream of the web': (bytes) => Readable.toWeb(Readable.from(parts(bytes, 70_000))),
  'an async iterable of small parts': (bytes) => parts(bytes, 3_000),
  'an async iterable of large parts': (bytes) => parts(bytes, 3 * PIECE),
};

describe('upload', () => {
  it.each(Object.entries(kinds))('takes %s', async (_kind, make) => {
    for (const bytes of [randomBytes(0), randomBytes(1), randomBytes(PIECE), randomBytes(4 * PIECE + 11)]) {
      const uploadId = freshId();
      const result = await client.upload(await make(bytes), { uploadId, contentType: 'image/png' });
      const sha256 = createHash('sha256').update(bytes).digest();
      expect(result).toMatchObject({ uploadId, durable: bytes.length, read: bytes.length, sent: bytes.length });
      expect(result.blob).toMatchObject({ blobId: uploadId, contentType: 'image/png', size: BigInt(bytes.length) });
      expect(sha256.equals(result.blob.sha256)).toBe(true);
      expect(await isStored(uploadId, bytes)).toBe(true);
    }
  });

  it('names the blob as its file, and makes an id that sorts by time', async () => {
    const file = await fileOf(randomBytes(10));
    const first = await client.upload(file);
    const second = await client.upload(Buffer.from('x'), { name: 'x.txt' });
    expect(first).toMatchObject({ resumedAt: 0, sent: 10 });
    expect(first.blob.name).toBe(path.basename(file));
    expect(second.blob.name).toBe('x.txt');
    expect(first.uploadId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(first.uploadId.slice(0, 13) <= second.uploadId.slice(0, 13)).toBe(true);
  });

  it('tells what is durable while it sends', async () => {
    const uploadId = freshId();
    const told: UploadProgress[] = [];
    async function* source() {
      yield randomBytes(3 * PIECE);
      // It goes on when it has heard that this is on disk: so it is told before the end.
      await until(() => told.some(({ durable }) => durable === 3 * PIECE));
      yield randomBytes(10);
    }
    await client.upload(source(), { uploadId, onProgress: (progress) => told.push(progress) });
    expect(told.at(-1)).toEqual({ uploadId, durable: 3 * PIECE + 10, read: 3 * PIECE + 10, sent: 3 * PIECE + 10 });
  });

  it('is harmless when it is repeated, and refuses other bytes under the same id', async () => {
    const uploadId = freshId();
    const bytes = randomBytes(2 * PIECE);
    const { blob } = await client.upload(bytes, { uploadId });
    for (const source of [bytes, parts(bytes, 90_000)]) {
      expect(await client.upload(source, { uploadId })).toMatchObject({ blob, sent: 0, resumedAt: bytes.length });
    }
    const endless = (async function* () {
      yield bytes;
      for (;;) yield randomBytes(PIECE);
    })();
    for (const other of [randomBytes(2 * PIECE), randomBytes(10), parts(randomBytes(3 * PIECE), PIECE), endless]) {
      expect(await failureOf(client.upload(other, { uploadId }))).toMatchObject({
        code: Status.ALREADY_EXISTS,
        reason: 'BLOB_DIFFERS',
      });
    }
  });

  it('goes on where an earlier one ended, and finds out at once if that was of another source', async () => {
    const bytes = randomBytes(8 * PIECE);
    /** The first half and a bit, and then no more. */
    const sendHalf = async (uploadId: string, all: Buffer) => {
      async function* half() {
        yield all.subarray(0, 4 * PIECE + 5);
        throw new Error('enough');
      }
      const ended = await failureOf(client.upload(half(), { uploadId, name: 'n', size: bytes.length }));
      expect(ended).toMatchObject({ reason: 'SOURCE_FAILED', uploaded: { durable: 4 * PIECE + 5 } });
    };
    for (const make of [() => bytes, () => parts(bytes, 80_000)]) {
      const uploadId = freshId();
      await sendHalf(uploadId, bytes);
      const result = await client.upload(make(), { uploadId, name: 'n', size: bytes.length });
      // The rest, and the piece that is compared.
      expect(result).toMatchObject({ resumedAt: 4 * PIECE + 5, sent: 5 * PIECE - 5 });
      expect(await isStored(uploadId, bytes)).toBe(true);
    }
    const uploadId = freshId();
    await sendHalf(uploadId, randomBytes(8 * PIECE));
    const refused = await failureOf(client.upload(bytes, { uploadId, name: 'n' }));
    expect(refused).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'UPLOAD_DIFFERS' });
    expect(await failureOf(client.upload(bytes, { uploadId, name: 'other' }))).toMatchObject({
      reason: 'UPLOAD_DIFFERS',
    });
    const shorter = await failureOf(
      client.upload(parts(bytes.subarray(0, PIECE), PIECE), { uploadId, name: 'n', size: bytes.length }),
    );
    expect(shorter).toMatchObject({ reason: 'SOURCE_SIZE_DIFFERS' });
  });

  it('is ended by a newer one under the same id', async () => {
    const uploadId = freshId();
    const bytes = randomBytes(2 * PIECE);
    async function* endless() {
      yield bytes.subarray(0, PIECE);
      await new Promise(() => undefined);
    }
    const options = { uploadId, name: 'n', size: bytes.length };
    let sent = 0;
    const older = failureOf(client.upload(endless(), { ...options, onProgress: (told) => (sent = told.sent) }));
    await until(() => sent === PIECE);
    await client.upload(bytes, options);
    expect(await older).toMatchObject({ code: Status.ABORTED, reason: 'UPLOAD_FENCED' });
    expect(await isStored(uploadId, bytes)).toBe(true);
  });
});

describe('a source that is not as it should be', () => {
  it('leaves no blob: it fails, is shorter or longer than was said, gives no bytes, or is changed', async () => {
    const failing = async function* () {
      yield randomBytes(PIECE);
      throw new Error('the disk is on fire');
    };
    const changing = await fileOf(randomBytes(2 * PIECE));
    const cases: [UploadSource, UploadOptions, string][] = [
      [failing(), {}, 'SOURCE_FAILED'],
      [() => failing(), {}, 'SOURCE_FAILED'],
      [() => Promise.reject(new Error('no')), {}, 'SOURCE_FAILED'],
      [parts(randomBytes(10), 5), { size: 11 }, 'SOURCE_SIZE_DIFFERS'],
      [parts(randomBytes(10), 5), { size: 9 }, 'SOURCE_SIZE_DIFFERS'],
      [(offset) => parts(randomBytes(10).subarray(offset), 5), { size: 11 }, 'SOURCE_SIZE_DIFFERS'],
      [randomBytes(10), { size: 9 }, 'SOURCE_SIZE_DIFFERS'],
      [Readable.from(['text']), {}, 'SOURCE_FAILED'],
      [7 as unknown as UploadSource, {}, 'SOURCE_FAILED'],
      [dir.path, {}, 'SOURCE_FAILED'],
      [`${dir.path}/nothing`, {}, 'SOURCE_FAILED'],
      [changing, { onProgress: () => appendFileSync(changing, 'more') }, 'SOURCE_CHANGED'],
    ];
    for (const [source, options, reason] of cases) {
      const uploadId = freshId();
      expect(await failureOf(client.upload(source, { ...options, uploadId }))).toMatchObject({ reason });
      const found = await client.uploads.getUpload({ uploadId }).catch(() => undefined);
      expect(found?.upload?.state).not.toBe(UploadState.UPLOAD_STATE_COMPLETE);
    }
  });

  it('stays the file that it was, if another one takes its name', async () => {
    const bytes = randomBytes(4 * PIECE);
    const file = await fileOf(bytes);
    const other = await fileOf(randomBytes(4 * PIECE));
    let renamed: Promise<void> | undefined;
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    proxy.plan({ toServer: 2 * PIECE });
    const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}` }));
    const onSetback = () => void (renamed ??= rename(other, file));
    const { uploadId } = await own.upload(file, { backoff, onSetback });
    await renamed;
    expect(await isStored(uploadId, bytes)).toBe(true);
  });
});

describe('upload over cut connections', () => {
  it.each(Object.entries(kinds))('has every byte once, wherever they are cut: %s', async (_kind, make) => {
    let happened = 0;
    for (let round = 0; round < 6; round++) {
      const proxy = resources.use(await startCuttingProxy(server.grpcPort));
      const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}` }));
      const bytes = randomBytes(below(5 * PIECE) + PIECE);
      const uploadId = freshId();
      const cuts = Array.from({ length: 1 + below(3) }, () =>
        below(3) === 0 ? { toClient: below(400) } : { toServer: below(bytes.length) },
      );
      proxy.plan(...cuts);
      const result = await own.upload(await make(bytes), { uploadId, backoff });
      expect({ cuts, stored: await isStored(uploadId, bytes) }).toEqual({ cuts, stored: true });
      expect(result.sent).toBeGreaterThanOrEqual(bytes.length);
      happened += proxy.cuts;
    }
    expect(happened).toBeGreaterThan(3);
  });
});

describe('a connection that is dead without anybody having said so', () => {
  it('is given up and made again, up and down', async () => {
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}`, keepaliveMs: 1_000 }));
    const bytes = randomBytes(8 * PIECE);
    const lost: LeatError[] = [];
    const options = { backoff, onSetback: ({ error }: Setback) => lost.push(error) };
    const uploadId = freshId();
    const isSending = async () =>
      (await client.uploads.listUploads({})).uploads.some((each) => each.uploadId === uploadId);
    async function* source() {
      yield bytes.subarray(0, 3 * PIECE);
      await until(isSending);
      proxy.freezeNow();
      yield bytes.subarray(3 * PIECE);
    }
    await own.upload(source(), { ...options, uploadId });
    expect(await isStored(uploadId, bytes)).toBe(true);
    expect(lost).toEqual([expect.objectContaining({ code: Status.UNAVAILABLE })]);
    const parts: Uint8Array[] = [];
    for await (const part of own.readBlob(uploadId, options)) {
      parts.push(part);
      if (lost.length === 1) proxy.freezeNow();
    }
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect(lost.length).toBe(2);
  });
});

describe('aborting an upload', () => {
  it('leaves nothing open, at every stage, and what is durable stays', async () => {
    const bytes = randomBytes(6 * PIECE);
    const file = await fileOf(bytes);
    const uploadId = freshId();
    for (let stage = 0; stage < 16; stage++) {
      const stop = new AbortController();
      let told = 0;
      if (stage === 0) stop.abort();
      const onProgress = () => ++told === stage && stop.abort();
      const uploading = client.upload(file, { uploadId, signal: stop.signal, onProgress });
      if (stage % 3 === 1) setImmediate(() => stop.abort());
      const thrown = await uploading.then(
        () => 'done',
        (error: unknown) => (error as Error).name,
      );
      expect({ stage, ok: ['AbortError', 'done'].includes(thrown) }).toEqual({ stage, ok: true });
      await server.idle();
      expect(await countOpen(file)).toBe(0);
    }
    await client.upload(file, { uploadId });
    expect(await isStored(uploadId, bytes)).toBe(true);
  });

  it('ends it while it waits for a service that is away, and close() ends it too', async () => {
    const nowhere = createLeatClient({ address: '127.0.0.1:1' });
    const stop = new AbortController();
    const waiting = nowhere.upload(await fileOf(randomBytes(10)), {
      signal: stop.signal,
      onSetback: () => stop.abort(),
    });
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    let setbacks = 0;
    const closed = nowhere.upload(Buffer.from('x'), { onSetback: () => void setbacks++ });
    closed.catch(() => undefined);
    await until(() => setbacks > 0);
    await nowhere.close();
    await expect(closed).rejects.toMatchObject({ name: 'AbortError' });
    expect(
      await failureOf(
        client.upload(Buffer.from('x'), {
          maxAttempts: 1,
          onProgress: () => {
            throw new Error('mine');
          },
        }),
      ),
    ).toMatchObject({ message: 'mine' });
  });
});

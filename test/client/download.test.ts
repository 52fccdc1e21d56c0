import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { Status } from 'nice-grpc';
import {
  createLeatClient,
  LeatError,
  type DownloadOptions,
  type DownloadProgress,
  type DownloadSink,
  type LeatClient,
} from '../../src/client/index.js';
import { createPartNames } from '../../src/client/download/part-names.js';
import { createByteWriter } from '../../src/client/download/write-to-stream.js';
import { startCuttingProxy } from '../support/cutting-proxy.js';
import { partsOf } from '../support/download-parts.js';
import { countOpenIn } from '../support/open-files.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';

const backoff = { initialMs: 1, maxMs: 5 };
const bytes = randomBytes(5 * (256 << 10) + 77);
let server: LeatServer;
let client: LeatClient;
let dir: TempDir;
let resources: ResourceStack;
let files = 0;

beforeAll(async () => {
  server = await startLeat();
  client = createLeatClient({ address: `127.0.0.1:${server.grpcPort}` });
  dir = await makeTempDir();
  await client.upload(bytes, { uploadId: 'b' });
  await client.upload(Buffer.alloc(0), { uploadId: 'empty' });
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

const freshFile = () => path.join(dir.path, `file-${++files}`);
const sha256 = createHash('sha256').update(bytes).digest();
/** The name of a part that its download has closed. */
const freshPart = (file: string) => {
  const names = createPartNames(file, sha256);
  return names.released(names.fresh());
};
const below = (limit: number) => Math.floor(Math.random() * limit);

async function failureOf(downloading: Promise<unknown>): Promise<LeatError> {
  const error = await downloading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LeatError) return error;
  throw new Error('it did not fail as it should', { cause: error });
}

/** A place to write to, and what it has then. */
interface Target {
  readonly sink: DownloadSink;
  readonly content: () => Promise<Buffer>;
}

function fileTarget(): Target {
  const file = freshFile();
  return { sink: file, content: async () => Promise.resolve(readFileSync(file)) };
}

/** Takes one chunk in each turn of the event loop, and says that it has enough after each. */
function nodeTarget(): Target {
  const parts: Buffer[] = [];
  const sink = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, done) {
      parts.push(chunk);
      setImmediate(done);
    },
  });
  return { sink, content: async () => Promise.resolve(Buffer.concat(parts)) };
}

function webTarget(): Target {
  const parts: Uint8Array[] = [];
  const sink = new WritableStream<Uint8Array>({
    write: (chunk) => new Promise<void>((resolve) => setImmediate(() => resolve(void parts.push(chunk)))),
  });
  return { sink, content: async () => Promise.resolve(Buffer.concat(parts)) };
}

const targets = { 'a file': fileTarget, "a stream of Node's": nodeTarget, 'a stream of the web': webTarget };

describe('download', () => {
  it.each(Object.entries(targets))('writes a blob, and ranges of it, to %s', async (_kind, make) => {
    const size = bytes.length;
    const ranges: [DownloadOptions, number, number][] = [
      [{}, 0, size],
      [{ offset: 1 }, 1, size],
      [{ offset: 262_143, length: 2 }, 262_143, 262_145],
      [{ length: 10 }, 0, 10],
      [{ length: size + 10 }, 0, size],
      [{ offset: size }, size, size],
    ];
    for (const [options, from, to] of ranges) {
      const { sink, content } = make();
      const result = await client.download('b', sink, options);
      expect(result).toMatchObject({ position: to, end: to, received: to - from, verified: to - from === size });
      expect((await content()).equals(bytes.subarray(from, to))).toBe(true);
    }
    const { sink, content } = make();
    expect(await client.download('empty', sink)).toMatchObject({ verified: true, received: 0 });
    expect((await content()).length).toBe(0);
  });

  it.each(Object.entries(targets))('goes on at the byte where it was cut: to %s', async (_kind, make) => {
    let happened = 0;
    for (let round = 0; round < 8; round++) {
      const proxy = resources.use(await startCuttingProxy(server.grpcPort));
      const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}` }));
      const cuts = Array.from({ length: 1 + below(3) }, () => ({ toClient: below(bytes.length) }));
      proxy.plan(...cuts);
      const { sink, content } = make();
      await own.download('b', sink, { backoff });
      expect({ cuts, right: (await content()).equals(bytes) }).toEqual({ cuts, right: true });
      happened += proxy.cuts;
    }
    expect(happened).toBeGreaterThan(5);
  });

  it('tells how far it is, and gives its bytes to a loop', async () => {
    const told: DownloadProgress[] = [];
    const parts: Uint8Array[] = [];
    for await (const part of client.readBlob('b', { offset: 7, onProgress: (progress) => told.push(progress) })) {
      parts.push(part);
    }
    expect(Buffer.concat(parts).equals(bytes.subarray(7))).toBe(true);
    expect(told[0]).toMatchObject({ position: 7, end: bytes.length, received: 0, blob: { blobId: 'b' } });
    expect(told.at(-1)).toMatchObject({ position: bytes.length, received: bytes.length - 7 });
  });

  it('throws what the service refuses', async () => {
    expect(await failureOf(client.download('nothing', freshFile()))).toMatchObject({ reason: 'BLOB_NOT_FOUND' });
    const beyond = client.download('b', new PassThrough(), { offset: bytes.length + 1 });
    expect(await failureOf(beyond)).toMatchObject({
      code: Status.OUT_OF_RANGE,
      reason: 'OFFSET_BEYOND_END',
      metadata: { size: String(bytes.length) },
    });
  });
});

describe('a file', () => {
  it('is left alone if it has the bytes already, and is not replaced unasked if it has others', async () => {
    const file = freshFile();
    await client.download('b', file);
    expect(await client.download('b', file)).toMatchObject({ received: 0, verified: true });
    await writeFile(file, randomBytes(bytes.length));
    expect(await failureOf(client.download('b', file))).toMatchObject({ reason: 'TARGET_EXISTS' });
    expect(await failureOf(client.download('b', file, { length: 5 }))).toMatchObject({ reason: 'TARGET_EXISTS' });
    expect(await partsOf(file)).toEqual([]);
    await client.download('b', file, { overwrite: true });
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('goes on with the part that an earlier run left', async () => {
    const file = freshFile();
    const stop = new AbortController();
    const onProgress = ({ received }: DownloadProgress) => received > 500_000 && stop.abort();
    const aborted = client.download('b', file, { signal: stop.signal, onProgress });
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(existsSync(file)).toBe(false);
    const [part = ''] = await partsOf(file);
    const kept = readFileSync(part).length;
    expect(kept).toBeGreaterThan(0);
    expect(await client.download('b', file)).toMatchObject({ received: bytes.length - kept, verified: true });
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('goes on with a part that ends anywhere, or is whole', async () => {
    for (const length of [0, 1, below(bytes.length), bytes.length]) {
      const file = freshFile();
      await writeFile(freshPart(file), bytes.subarray(0, length));
      expect(await client.download('b', file)).toMatchObject({ received: bytes.length - length });
      expect(readFileSync(file).equals(bytes)).toBe(true);
      expect(await partsOf(file)).toEqual([]);
    }
  });
});

describe('aborting a download to a file', () => {
  it('leaves nothing open, at every stage, and the part for the next one', async () => {
    const file = freshFile();
    for (let stage = 0; stage < 10; stage++) {
      const stop = new AbortController();
      if (stage === 0) stop.abort();
      let told = 0;
      const onProgress = () => ++told === stage && stop.abort();
      const downloading = client.download('b', file, { signal: stop.signal, onProgress });
      if (stage % 3 === 1) setImmediate(() => stop.abort());
      const thrown = await downloading.then(
        () => 'done',
        (error: unknown) => (error as Error).name,
      );
      expect({ stage, ok: ['AbortError', 'done'].includes(thrown) }).toEqual({ stage, ok: true });
      await server.idle();
      expect(await countOpenIn(dir.path)).toBe(0);
    }
    await client.download('b', file);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });
});

describe('a reader that stops', () => {
  it('ends the call: by leaving the loop, by its signal, by close()', async () => {
    for await (const _ of client.readBlob('b')) break;
    await server.idle();
    const stop = new AbortController();
    const reading = client.readBlob('b', { signal: stop.signal });
    await reading.next();
    stop.abort();
    await expect(reading.next()).rejects.toMatchObject({ name: 'AbortError' });
    await server.idle();
    const own = createLeatClient({ address: `127.0.0.1:${server.grpcPort}` });
    const other = own.readBlob('b');
    await other.next();
    await own.close();
    await expect(other.next()).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('does not make anybody hold what it has not read', async () => {
    const big = randomBytes(24 << 20);
    await client.upload(big, { uploadId: 'big' });
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const own = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}`, maxFlowControlWindow: 1 << 20 }));
    const reading = own.readBlob('big');
    await reading.next();
    // A sentinel on the same connection: when it is back, what could come has come.
    for (let turn = 0; turn < 20; turn++) await own.blobs.getBlob({ blobId: 'b' });
    expect(proxy.bytesToClient).toBeLessThan(8 << 20);
    await reading.return();
  });

  it('that is a stream is a failure, told as its own', async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no room')) });
    expect(await failureOf(client.download('b', broken))).toMatchObject({
      reason: 'TARGET_FAILED',
      message: 'cannot write: no room',
    });
    const gone = new PassThrough();
    gone.destroy();
    expect(await failureOf(client.download('b', gone))).toMatchObject({ reason: 'TARGET_FAILED' });
    const web = new WritableStream<Uint8Array>({ write: () => Promise.reject(new Error('no room')) });
    expect(await failureOf(client.download('b', web))).toMatchObject({ reason: 'TARGET_FAILED' });
    const stuck = new Writable({ highWaterMark: 1, write: () => undefined });
    const stop = new AbortController();
    const onProgress = ({ received }: DownloadProgress) => received > 0 && setImmediate(() => stop.abort());
    const waiting = client.download('b', stuck, { signal: stop.signal, onProgress });
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    expect(stuck.destroyed).toBe(true);
    const stopWeb = new AbortController();
    const stuckWeb = new WritableStream<Uint8Array>({
      write: () => new Promise(() => setImmediate(() => stopWeb.abort())),
    });
    const waitingWeb = client.download('b', stuckWeb, { signal: stopWeb.signal });
    await expect(waitingWeb).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('that is a stream, and is closed when all is written but before it is ended, is a failure', async () => {
    for (const ends of [true, false]) {
      const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
      const writer = createByteWriter(stream, ends);
      const signal = AbortSignal.timeout(10_000);
      await writer.write(bytes, signal);
      const closed = once(stream, 'close');
      stream.destroy();
      await closed;
      await expect(writer.end(signal)).rejects.toThrow('closed before all was written');
      writer.fail(undefined);
    }
  });

  it('that is a stream sets the pace', async () => {
    let waiting = 0;
    const slow = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        void askOften().then(() => {
          waiting = Math.max(waiting, this.writableLength);
          done();
        });
      },
    });
    // Meanwhile more comes on the same connection.
    const askOften = async () => {
      for (let turn = 0; turn < 10; turn++) await client.blobs.getBlob({ blobId: 'b' });
    };
    await client.download('b', slow);
    // The chunk that is being written, and none behind it.
    expect(waiting).toBeLessThanOrEqual(256 << 10);
  });

  it('that is a stream is left open if it is to go on', async () => {
    const { sink, content } = nodeTarget();
    await client.download('b', sink, { length: 3, end: false });
    await client.download('b', sink, { offset: 3, length: 3, end: false });
    expect((sink as Writable).writableEnded).toBe(false);
    expect((sink as Writable).listenerCount('error')).toBe(0);
    expect((await content()).equals(bytes.subarray(0, 6))).toBe(true);
  });
});

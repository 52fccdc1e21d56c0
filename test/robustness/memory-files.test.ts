import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { DownloadBlobRequest } from '../../gen/leat/v1/blob_service.js';
import { UploadChunksRequest } from '../../gen/leat/v1/upload_service.js';
import { spawnServer, type ChildServer } from '../support/child-server.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { makeTempDir } from '../support/temp-dir.js';
import { chunkFrames, finishFrame, startFrame, type UploadFrame } from '../support/uploads.js';
import { inForm } from '../support/long-form.js';

const MIB = 1024 * 1024;
/** The longer form, of 2 GiB: `LEAT_LONG=1`. */
const FILE_BYTES = inForm(256, 2048) * MIB;
/** Uploads whose handlers, downloads whose clients have stopped. The longer form: `LEAT_STOPPED_CLIENTS=5000`. */
const STREAMS = Number(process.env.LEAT_STOPPED_CLIENTS ?? 1_000);
const CONNECTIONS = 10;
const MAX_GROWTH = 256 * MIB;
/** Whatever the size of the file: what Node keeps until it collects. */
const FLAT_GROWTH = 160 * MIB;

const encoded = (request: UploadFrame) =>
  frame(UploadChunksRequest.encode(UploadChunksRequest.fromPartial(request)).finish());

/** Several connections, whose calls go to one after the other. */
async function connectMany(port: number) {
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connectRaw(port)));
  let next = 0;
  return {
    call(path: string, options?: { paused?: boolean }) {
      const connection = connections[next++ % CONNECTIONS];
      if (connection === undefined) throw new Error('there is no connection');
      return connection.call(path, options).stream;
    },
    [Symbol.asyncDispose]: async () =>
      void (await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()))),
  };
}

/** Notes the most that a server held, between what it holds now and the last look. */
function watchMemory(server: ChildServer) {
  const before = server.residentBytes();
  let most = before;
  return {
    look: () => void (most = Math.max(most, server.residentBytes())),
    growth: () => most - before,
  };
}

function report(what: string, bytes: number): void {
  if (process.env.LEAT_MEASURE) console.log(`${what}: grew by ${bytes >> 20} MiB`);
}

describe('a large file', () => {
  it(
    'goes up and down in flat memory',
    async () => {
      await using dir = await makeTempDir();
      await using server = spawnServer({ 'data-dir': dir.path, 'min-free-disk': '0B' });
      const { uploads, blobs } = await server.connect();
      const sent = createHash('sha256');
      async function* frames(uploadId: string, size: number): AsyncGenerator<UploadFrame> {
        yield startFrame(uploadId);
        for (let offset = 0; offset < size; offset += 256 * 1024) {
          // Each chunk is another one, in memory of its own.
          const data = Buffer.alloc(256 * 1024, `${offset} `);
          sent.update(data);
          memory.look();
          yield { frame: { $case: 'chunk', value: { offset: BigInt(offset), data } } };
        }
        yield { frame: { $case: 'finish', value: { size: BigInt(size) } } };
      }
      // The server's code is warm when it is measured.
      let memory = watchMemory(server);
      await uploads.uploadChunks(frames('warm', 16 * MIB));
      memory = watchMemory(server);
      const { blob } = await uploads.uploadChunks(frames('large', FILE_BYTES));
      expect(blob?.size).toBe(BigInt(FILE_BYTES));
      report('upload', memory.growth());
      expect(memory.growth()).toBeLessThanOrEqual(FLAT_GROWTH);
      const received = createHash('sha256');
      for await (const { frame: got } of blobs.downloadBlob({ blobId: 'large' })) {
        if (got?.$case === 'chunk') received.update(got.value.data);
        memory.look();
      }
      report('upload and download', memory.growth());
      expect(memory.growth()).toBeLessThanOrEqual(FLAT_GROWTH);
      expect(received.digest('hex')).toBe(Buffer.from(blob?.sha256 ?? []).toString('hex'));
    },
    300_000 + FILE_BYTES / 2_000,
  );
});

describe('memory', () => {
  it.each([64 * 1024, 256 * 1024])(
    `grows by at most 256 MiB while ${STREAMS} uploads wait for a disk that hangs, in chunks of %d bytes`,
    async (chunkBytes) => {
      await using dir = await makeTempDir();
      const flags = { 'data-dir': dir.path, 'min-free-disk': '0B', 'max-concurrent-streams': STREAMS };
      await using server = spawnServer({ ...flags, 'max-open-uploads': STREAMS }, [], 'serve-stopped-disk.js');
      const client = await server.connect();
      const { grpcPort } = await server.serving;
      const memory = watchMemory(server);
      await using connections = await connectMany(grpcPort);
      const data = Buffer.alloc(chunkBytes, 7);
      const chunks = Array.from({ length: Math.ceil((2 * MIB) / chunkBytes) }, (_, index) =>
        encoded({ frame: { $case: 'chunk', value: { offset: BigInt(index * chunkBytes), data } } }),
      );
      for (let index = 0; index < STREAMS; index++) {
        const stream = connections.call('/leat.v1.UploadService/UploadChunks');
        // As much as flow control lets through: 2 MiB would be there.
        stream.write(encoded(startFrame(`stopped-${index}`)));
        for (const chunk of chunks) stream.write(chunk);
        if (index % 20 === 0) await client.users.listUsers({});
        memory.look();
      }
      // All have begun, and everything else is served meanwhile.
      let begun = 0;
      while (begun < STREAMS) {
        begun = 0;
        for (let pageToken = ''; ;) {
          const page = await client.uploads.listUploads({ pageSize: 1_000, pageToken });
          begun += page.uploads.length;
          pageToken = page.nextPageToken;
          if (pageToken === '') break;
        }
        memory.look();
      }
      for (let look = 0; look < 50; look++) {
        await client.users.listUsers({});
        memory.look();
      }
      report(`chunks of ${chunkBytes}`, memory.growth());
      expect(memory.growth()).toBeLessThanOrEqual(MAX_GROWTH);
    },
    120_000,
  );

  it(`grows by at most 256 MiB while ${STREAMS} readers of a blob have stopped`, async () => {
    await using dir = await makeTempDir();
    const flags = { 'data-dir': dir.path, 'min-free-disk': '0B', 'max-concurrent-streams': STREAMS };
    await using server = spawnServer(flags);
    const { uploads, users } = await server.connect();
    await uploads.uploadChunks(
      (async function* () {
        yield startFrame('blob');
        yield* chunkFrames(Buffer.alloc(8 * MIB), { size: MIB });
        yield finishFrame(Buffer.alloc(8 * MIB));
      })(),
    );
    const memory = watchMemory(server);
    await using connections = await connectMany((await server.serving).grpcPort);
    const request = frame(DownloadBlobRequest.encode(DownloadBlobRequest.fromPartial({ blobId: 'blob' })).finish());
    for (let first = 0; first < STREAMS; first += 20) {
      const wave = Array.from({ length: Math.min(20, STREAMS - first) }, () => {
        const stream = connections.call('/leat.v1.BlobService/DownloadBlob', { paused: true });
        stream.end(request);
        return once(stream, 'response');
      });
      await Promise.all(wave);
      await users.listUsers({});
      memory.look();
    }
    for (let look = 0; look < 50; look++) {
      await users.listUsers({});
      memory.look();
    }
    report('stopped readers', memory.growth());
    expect(memory.growth()).toBeLessThanOrEqual(MAX_GROWTH);
  }, 120_000);
});

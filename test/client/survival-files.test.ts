import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLeatClient, type LeatClient, type UploadSource } from '../../src/client/index.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { makeTempDir } from '../support/temp-dir.js';
import { below, startUnstableServer, SURVIVAL_ROUNDS, type UnstableServer } from '../support/unstable-server.js';

/** Large enough for several synced pieces. */
const MAX_BYTES = 24 << 20;
/** Those who wait for long are not there when it is hard. */
const backoff = { maxMs: 300 };

let resources: ResourceStack;
let dir: string;
let server: UnstableServer;
let client: LeatClient;
let setbacks = 0;

beforeAll(async () => {
  resources = createResourceStack();
  dir = resources.use(await makeTempDir()).path;
  const flags = { 'data-dir': path.join(dir, 'data'), 'drain-timeout': '2s' };
  const maxBytes = { toClient: MAX_BYTES / 4, toServer: MAX_BYTES / 4 };
  server = resources.use(await startUnstableServer({ flags, maxPauseMs: 600, maxBytes }));
  client = resources.use(createLeatClient({ address: server.address }));
});
afterAll(() => resources.dispose());

const options = { backoff, onSetback: () => void setbacks++ };
const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Files there and back, one after the other, until somebody says that it is enough. Resolves with how many. */
async function carry(worker: string, makeSource: (file: string) => UploadSource, isEnough: () => boolean) {
  let count = 0;
  do {
    const bytes = randomBytes(below(MAX_BYTES));
    const file = path.join(dir, worker);
    await writeFile(file, bytes);
    const uploadId = `${worker}-${++count}`;
    const { blob } = await client.upload(makeSource(file), { ...options, uploadId, windowBytes: 16 << 20 });
    expect(Buffer.from(blob.sha256).toString('hex')).toBe(digestOf(bytes));
    const back = path.join(dir, uploadId);
    await client.download(uploadId, back, options);
    expect(digestOf(await readFile(back))).toBe(digestOf(bytes));
  } while (!isEnough());
  return count;
}

describe('a service that is killed, restarted, drained and cut', () => {
  it(
    'has every file that was uploaded, byte for byte, once, and nothing else',
    async () => {
      let enough = false;
      const isEnough = () => enough;
      const carrying = Promise.all([
        carry('file', (file) => file, isEnough),
        carry('stream', (file) => createReadStream(file), isEnough),
      ]);
      let over = false;
      const faults = server.injectFaults(() => over);
      try {
        await Promise.race([faults, carrying]);
      } finally {
        enough = true;
        over = true;
        await faults;
      }
      const counts = await carrying;

      const direct = await server.current().connect();
      const { blobs } = await direct.blobs.listBlobs({ pageSize: 1_000 });
      const expected = counts.flatMap((count, index) =>
        Array.from({ length: count }, (_none, at) => `${index === 0 ? 'file' : 'stream'}-${at + 1}`),
      );
      expect(blobs.map(({ blobId }) => blobId).sort()).toEqual(expected.sort());
      // Each became a blob once, and none is left half way.
      const { topic } = await direct.events.getTopic({ topic: 'sys/blobs' });
      expect(topic?.headOffset).toBe(BigInt(expected.length));
      expect((await direct.uploads.listUploads({})).uploads).toEqual([]);
      // It was hard, and drains were orderly.
      expect(setbacks).toBeGreaterThan(2);
      expect(server.drains.every((code) => code === 0)).toBe(true);
    },
    90_000 + SURVIVAL_ROUNDS * 20_000,
  );
});

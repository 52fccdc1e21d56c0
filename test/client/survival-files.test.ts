import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLeatClient, type LeatClient, type UploadSource } from '../../src/client/index.js';
import { spawnServer, type ChildServer } from '../support/child-server.js';
import { startCuttingProxy, type CuttingProxy } from '../support/cutting-proxy.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { makeTempDir } from '../support/temp-dir.js';

/** How long the service has a hard time. The longer form: `LEAT_SURVIVAL_SECONDS=300 npm test -- survival-files`. */
const SECONDS = Number(process.env.LEAT_SURVIVAL_SECONDS ?? 15);
/** Large enough for several synced pieces. */
const MAX_BYTES = 24 << 20;
/** Those who wait for long are not there when it is hard. */
const backoff = { maxMs: 300 };

let resources: ResourceStack;
let dir: string;
let server: ChildServer;
let proxy: CuttingProxy;
let client: LeatClient;
let flags: Readonly<Record<string, unknown>>;
let setbacks = 0;
const drains: (number | null)[] = [];

beforeAll(async () => {
  resources = createResourceStack();
  dir = resources.use(await makeTempDir()).path;
  flags = { 'data-dir': path.join(dir, 'data'), 'drain-timeout': '2s' };
  // The port is found by the first server, and all others listen there.
  server = spawnServer(flags);
  const { grpcPort } = await server.serving;
  flags = { ...flags, listen: `127.0.0.1:${grpcPort}` };
  resources.use({ [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() });
  proxy = resources.use(await startCuttingProxy(grpcPort));
  client = resources.use(createLeatClient({ address: `127.0.0.1:${proxy.port}` }));
});
afterAll(() => resources.dispose());

const below = (limit: number) => Math.floor(Math.random() * limit);

/** What happens to the service. */
const calamities: Readonly<Record<string, () => Promise<void>>> = {
  async kill() {
    await server.kill('SIGKILL');
    await restart();
  },
  async drain() {
    const { code } = await server.kill('SIGTERM');
    drains.push(code);
    await restart();
  },
  async cut() {
    proxy.cutNow();
  },
  async cutAtAByte() {
    proxy.plan(below(2) === 0 ? { toClient: below(MAX_BYTES / 4) } : { toServer: below(MAX_BYTES / 4) });
    proxy.cutNow();
  },
};

async function restart(): Promise<void> {
  server = spawnServer(flags);
  await server.serving;
}

async function rage(until: number, isOver: () => boolean): Promise<void> {
  const names = Object.keys(calamities);
  // Each of them at least once, however slow the machine is.
  for (let turn = 0; !isOver() && (turn < names.length || Date.now() < until); turn++) {
    await calamities[names[turn < names.length ? turn : below(names.length)] ?? '']?.();
    await delay(below(600));
  }
}

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
      const raging = rage(Date.now() + SECONDS * 1_000, () => over);
      try {
        await Promise.race([raging, carrying]);
      } finally {
        enough = true;
        over = true;
        await raging;
      }
      const counts = await carrying;

      const direct = await server.connect();
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
      expect(drains.every((code) => code === 0)).toBe(true);
    },
    90_000 + SECONDS * 3_000,
  );
});

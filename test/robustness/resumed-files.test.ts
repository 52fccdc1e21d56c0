import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Channel, type Client, createChannel, createClient } from 'nice-grpc';
import { BlobServiceDefinition } from '../../gen/leat/v1/blob_service.js';
import { UploadServiceDefinition } from '../../gen/leat/v1/upload_service.js';
import { type CutPlan, type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { soon } from '../support/soon.js';
import { chunkFrames, finishFrame, sendFrames, startFrame } from '../support/uploads.js';
import { inForm } from '../support/long-form.js';

/** Files that are sent and fetched over connections that are cut. The longer form: `LEAT_LONG=1`. */
const RUNS = inForm(20, 500);

let leat: LeatServer;
let proxy: CuttingProxy;
let ids = 0;

beforeAll(async () => {
  leat = await startLeat({ 'min-free-disk': '0B' });
  proxy = await startCuttingProxy(leat.grpcPort);
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await leat?.[Symbol.asyncDispose]();
});

interface Clients {
  readonly uploads: Client<typeof UploadServiceDefinition>;
  readonly blobs: Client<typeof BlobServiceDefinition>;
}

/** Tries again, each time on a connection of its own, until it comes to an end. Resolves to the number of tries. */
async function untilDone(attempt: (clients: Clients) => Promise<void>): Promise<number> {
  for (let tries = 1; ; tries++) {
    const channel: Channel = createChannel(`127.0.0.1:${proxy.port}`, undefined, { 'grpc.enable_retries': 0 });
    try {
      const uploads = createClient(UploadServiceDefinition, channel);
      await soon('an attempt', attempt({ uploads, blobs: createClient(BlobServiceDefinition, channel) }));
      return tries;
    } catch (error) {
      if (tries > 50 || String(error).includes('waited')) throw error;
    } finally {
      channel.close();
    }
  }
}

/** What follows on what: a client that asks where it is and goes on, as any would in any language. */
async function upload({ uploads }: Clients, id: string, content: Buffer, chunkBytes: number): Promise<void> {
  const found = await leat.store.upload(id);
  const frames = chunkFrames(content, { from: found?.committedSize ?? 0, size: chunkBytes });
  await sendFrames({ uploads }, [startFrame(id), ...frames, finishFrame(content)]);
}

/** Collects what comes, behind what is there. */
async function download({ blobs }: Clients, id: string, pieces: Uint8Array[]): Promise<void> {
  const offset = pieces.reduce((sum, { length }) => sum + length, 0);
  for await (const { frame } of blobs.downloadBlob({ blobId: id, offset: BigInt(offset) })) {
    if (frame?.$case === 'chunk') pieces.push(frame.value.data);
    if (frame?.$case === 'end') return;
  }
  throw new Error('the download was cut');
}

const cutsOf = (side: keyof CutPlan): fc.Arbitrary<CutPlan[]> =>
  fc.array(
    fc.integer({ min: 0, max: 400_000 }).map((bytes) => ({ [side]: bytes })),
    { minLength: 1, maxLength: 6 },
  );

describe('a file over connections that are cut at random bytes', () => {
  it(
    'comes up and down whole, with the same digest',
    async () => {
      const property = fc.asyncProperty(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.integer({ min: 1_000, max: 300_000 }),
        fc.oneof(
          cutsOf('toServer'),
          cutsOf('toClient').map((cuts) => cuts.map(({ toClient = 0 }) => ({ toClient: toClient % 200 }))),
        ),
        cutsOf('toClient'),
        async (size, chunkBytes, cutsUp, cutsDown) => {
          const id = `resumed-${++ids}`;
          const content = randomBytes(size);
          proxy.plan(...cutsUp);
          await untilDone((clients) => upload(clients, id, content, chunkBytes));
          proxy.plan(...cutsDown);
          const pieces: Uint8Array[] = [];
          await untilDone((clients) => download(clients, id, pieces));
          const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
          expect(digest(Buffer.concat(pieces))).toBe(digest(content));
        },
      );
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
    },
    60_000 + RUNS * 2_000,
  );
});

describe('100 files at a time', () => {
  it('come up and down whole', async () => {
    const contents = Array.from({ length: 100 }, (_, index) => randomBytes(100_000 + index * 4_001));
    const send = (content: Buffer, index: number) =>
      sendFrames(leat, [startFrame(`many-${index}`), ...chunkFrames(content), finishFrame(content)]);
    await Promise.all(contents.map(send));
    const fetched = contents.map(async (content, index) => {
      const pieces: Uint8Array[] = [];
      await download(leat, `many-${index}`, pieces);
      return Buffer.concat(pieces).equals(content);
    });
    expect((await Promise.all(fetched)).every((isSame) => isSame)).toBe(true);
  });
});

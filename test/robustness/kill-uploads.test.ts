import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { LeatClient } from '../../src/client/index.js';
import { spawnServer } from '../support/child-server.js';
import { inForm } from '../support/long-form.js';
import { mountExt4, whyNoMount } from '../support/mounts.js';
import { makeTempDir } from '../support/temp-dir.js';
import { chunkFrames, finishFrame, openUpload, startFrame } from '../support/uploads.js';
import { runUntilGone } from './kill-load.js';
import { contentOf, createUploader, sha256Of } from './upload-load.js';

/** How often the server is killed, and loses its power. The longer form: `LEAT_KILL_ROUNDS=200`. */
const ROUNDS = Number(process.env.LEAT_KILL_ROUNDS ?? inForm(4, 8));
const POWER_CUTS = Number(process.env.LEAT_KILL_ROUNDS ?? inForm(2, 3));
/** A round is cut after at most so many requests and answers. */
const MOMENTS = 60;

type Uploader = ReturnType<typeof createUploader>;

/** Loads the server and kills it at some request or answer, some time later. */
async function killUnderLoad(dataDir: string, uploaders: readonly Uploader[]): Promise<void> {
  await using server = spawnServer({ 'data-dir': dataDir, 'min-free-disk': '0B' });
  const client = await server.connect();
  let momentsLeft = Math.ceil(Math.random() * MOMENTS);
  const kill = () => process.kill(server.pid, 'SIGKILL');
  const onStep = () => {
    if (--momentsLeft === 0) setTimeout(kill, Math.random() * 20);
  };
  await Promise.all(uploaders.map((uploader) => runUntilGone(uploader, client, onStep)));
  expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
}

async function digestOf({ blobs }: LeatClient, blobId: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const { frame } of blobs.downloadBlob({ blobId })) {
    if (frame?.$case === 'chunk') hash.update(frame.value.data);
  }
  return hash.digest('hex');
}

/** Everything that was said to be there is there, and nothing else. */
async function check(client: LeatClient, dataDir: string, uploaders: readonly Uploader[]): Promise<void> {
  const { blobs } = await client.blobs.listBlobs({ pageSize: 1_000 });
  const ids = new Set(blobs.map(({ blobId }) => blobId));
  for (const { ledger } of uploaders) {
    for (const id of ledger.finished) expect([id, ids.has(id)]).toEqual([id, true]);
  }
  for (const id of ids) expect([id, await digestOf(client, id)]).toEqual([id, sha256Of(contentOf(id)).toString('hex')]);
  const { uploads } = await client.uploads.listUploads({ pageSize: 1_000 });
  // An upload without a byte may be without a file.
  const needed = uploads.filter(({ committedSize }) => committedSize > 0n).length + ids.size;
  const files = readdirSync(path.join(dataDir, 'files')).length;
  expect(files).toBeGreaterThanOrEqual(needed);
  expect(files).toBeLessThanOrEqual(uploads.length + ids.size);
}

describe('kill -9 at random moments while files are uploaded', () => {
  it(
    'loses nothing that was said to be durable, makes no blob of what was not finished, and leaves no file behind',
    async () => {
      await using dir = await makeTempDir();
      const uploaders = Array.from({ length: 6 }, (_, index) => createUploader(`k${index}`));
      for (let round = 0; round < ROUNDS; round++) await killUnderLoad(dir.path, uploaders);
      await using server = spawnServer({ 'data-dir': dir.path, 'min-free-disk': '0B' });
      const client = await server.connect();
      await check(client, dir.path, uploaders);
      // What was under way goes on, and comes out right.
      for (const uploader of uploaders) {
        const { current, finished } = uploader.ledger;
        while (!finished.has(current)) await uploader.step(client);
      }
      await check(client, dir.path, uploaders);
      expect(server.errors()).toBe('');
    },
    60_000 + ROUNDS * 5_000,
  );
});

const noExt4 = await whyNoMount(mountExt4);
const itOnExt4 = noExt4 === undefined ? it : it.skip;

describe('a power cut, after which only what the disk has is there', () => {
  itOnExt4(
    'finds every byte of an upload that was said to be durable',
    async () => {
      await using mount = await mountExt4();
      const content = contentOf('power-0').subarray(0, 1_200_000);
      for (let cut = 0; cut < POWER_CUTS; cut++) {
        const id = `cut-${cut}`;
        await using server = spawnServer({ 'data-dir': mount.path, 'min-free-disk': '0B' });
        const client = await server.connect();
        const stream = openUpload(client);
        stream.send(startFrame(id), ...chunkFrames(content.subarray(0, 700_000)));
        let told = 0;
        while (told === 0) {
          const { upload } = await client.uploads.getUpload({ uploadId: id }).catch(() => ({ upload: undefined }));
          told = Number(upload?.committedSize ?? 0);
        }
        // Nothing more is written while the disk is copied.
        process.kill(server.pid, 'SIGSTOP');
        await using after = await mount.afterPowerCut();
        await using again = spawnServer({ 'data-dir': after.path, 'min-free-disk': '0B' });
        const revived = await again.connect();
        const { upload } = await revived.uploads.getUpload({ uploadId: id });
        const committed = Number(upload?.committedSize);
        expect(committed).toBeGreaterThanOrEqual(told);
        const rest = openUpload(revived);
        rest.send(startFrame(id), ...chunkFrames(content, { from: committed }), finishFrame(content));
        rest.end();
        await rest.answer;
        expect(await digestOf(revived, id)).toBe(sha256Of(content).toString('hex'));
      }
    },
    60_000 + POWER_CUTS * 10_000,
  );
});

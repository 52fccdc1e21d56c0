import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { spawnServer } from '../support/child-server.js';
import { failureOf } from '../support/failed-call.js';
import { makeImmutable, whyNotImmutable } from '../support/immutable.js';
import { itUnless } from '../support/it-unless.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { makeTempDir } from '../support/temp-dir.js';
import { until } from '../support/until.js';
import { chunkFrames, finishFrame, openUpload, sendFrames, startFrame } from '../support/uploads.js';

const content = randomBytes(100_000);
const flags = { 'min-free-disk': '0B' };

/** Puts a directory in place of the only file, which cannot be unlinked then. Returns its path. */
function blockRemoval({ dataDir }: Pick<LeatServer, 'dataDir'>): string {
  const folder = path.join(dataDir, 'files');
  const [name = 'none', ...others] = readdirSync(folder);
  expect(others).toEqual([]);
  const file = path.join(folder, name);
  rmSync(file);
  mkdirSync(file);
  return file;
}

describe('once it is committed, a call succeeds although the bytes cannot be removed', () => {
  it('deletes a blob, whose id is free for another one', async () => {
    await using leat = await startLeat(flags);
    await sendFrames(leat, [startFrame('a'), ...chunkFrames(content), finishFrame(content)]);
    const blocked = blockRemoval(leat);
    await leat.blobs.deleteBlob({ blobId: 'a' });
    expect(await failureOf(leat.blobs.getBlob({ blobId: 'a' }))).toMatchObject({ code: Status.NOT_FOUND });
    await sendFrames(leat, [startFrame('a'), ...chunkFrames(content), finishFrame(content)]);
    rmdirSync(blocked);
  });

  it('cancels an upload', async () => {
    await using leat = await startLeat(flags);
    await sendFrames(leat, [startFrame('a'), ...chunkFrames(content)]);
    blockRemoval(leat);
    await leat.uploads.cancelUpload({ uploadId: 'a' });
    expect((await leat.uploads.listUploads({})).uploads).toEqual([]);
  });

  it('reports a wrong digest as such, and throws the upload away', async () => {
    await using leat = await startLeat(flags);
    const upload = openUpload(leat);
    upload.send(startFrame('a'), ...chunkFrames(content));
    await upload.received('a', leat, BigInt(content.length));
    blockRemoval(leat);
    upload.send(finishFrame(randomBytes(content.length)));
    expect(await failureOf(upload.answer)).toMatchObject({ code: Status.DATA_LOSS, reason: 'DIGEST_MISMATCH' });
    expect((await leat.uploads.listUploads({})).uploads).toEqual([]);
  });

  it('expires an upload, and those behind it', async () => {
    await using leat = await startLeat({ ...flags, 'upload-max-idle': '1s' });
    await sendFrames(leat, [startFrame('a'), ...chunkFrames(content)]);
    blockRemoval(leat);
    await sendFrames(leat, [startFrame('b'), ...chunkFrames(content)]);
    await until(async () => (await leat.uploads.listUploads({})).uploads.length === 0);
  });

  itUnless(whyNotImmutable(), 'and removes them later, in the background and at the next start', async () => {
    await using dir = await makeTempDir();
    const folder = path.join(dir.path, 'files');
    let allowRemoval: () => void;
    {
      await using server = spawnServer({ 'data-dir': dir.path, ...flags });
      const client = await server.connect();
      for (const id of ['a', 'b']) {
        await sendFrames(client, [startFrame(id), ...chunkFrames(content), finishFrame(content)]);
      }
      const [first = '', second = ''] = readdirSync(folder).map((name) => path.join(folder, name));
      const allowFirst = makeImmutable(first);
      allowRemoval = makeImmutable(second);
      for (const blobId of ['a', 'b']) await client.blobs.deleteBlob({ blobId });
      const warning = expect.objectContaining({ level: 40, msg: 'cannot remove a deleted file, trying again later' });
      expect(server.lines).toContainEqual(warning);
      allowFirst();
      await until(() => !existsSync(first));
    }
    await using again = spawnServer({ 'data-dir': dir.path, ...flags });
    await again.serving;
    expect(readdirSync(folder)).toHaveLength(1);
    allowRemoval();
    await until(() => readdirSync(folder).length === 0);
    expect((await again.kill('SIGTERM')).code).toBe(0);
  });
});

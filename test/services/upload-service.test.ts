import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { chunkFrames, downloadAll, finishFrame, sendFrames, startFrame } from '../support/uploads.js';

let leat: LeatServer;

beforeAll(async () => void (leat = await startLeat({ 'min-free-disk': '0B' })));
afterAll(() => leat[Symbol.asyncDispose]());

describe('UploadChunks', () => {
  it('makes a blob of what was sent when it is finished', async () => {
    const content = randomBytes(3_000_000);
    const sha256 = createHash('sha256').update(content).digest();
    const id = 'whole';
    const answer = await sendFrames(leat, [
      startFrame(id, { name: 'a file', size: BigInt(content.length) }),
      ...chunkFrames(content, { size: 256 * 1024 }),
      finishFrame(content),
    ]);
    expect(answer).toMatchObject({
      upload: { uploadId: id, state: 2, committedSize: 3_000_000n },
      bytesReceived: 3_000_000n,
      blob: { blobId: id, name: 'a file', contentType: 'application/octet-stream', size: 3_000_000n },
    });
    expect(Buffer.from(answer.blob?.sha256 ?? []).equals(sha256)).toBe(true);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
    const range = await downloadAll(leat, { blobId: id, offset: 100_001n, length: 700_000n });
    expect(range.equals(content.subarray(100_001, 800_001))).toBe(true);
  });

  it('keeps what was sent when the stream ends without finish, and goes on there', async () => {
    const content = randomBytes(1_000_000);
    const id = 'parts';
    const first = await sendFrames(leat, [startFrame(id), ...chunkFrames(content.subarray(0, 400_000))]);
    expect(first).toMatchObject({ upload: { state: 1, committedSize: 400_000n }, bytesReceived: 400_000n });
    expect(first.blob).toBeUndefined();
    const { upload } = await leat.uploads.getUpload({ uploadId: id });
    expect(upload).toEqual(first.upload);
    const second = await sendFrames(leat, [
      startFrame(id),
      ...chunkFrames(content, { from: 300_000, size: 65_536 }),
      finishFrame(content),
    ]);
    expect(second.blob?.size).toBe(1_000_000n);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });
});

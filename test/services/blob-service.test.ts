import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync, readdirSync, closeSync, readSync, truncateSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Metadata, Status } from 'nice-grpc';
import { DownloadBlobRequest } from '../../gen/leat/v1/blob_service.js';
import { failureOf } from '../support/failed-call.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { readJsonEvent, readLog } from '../support/read-log.js';
import { chunkFrames, downloadAll, finishFrame, sendFrames, startFrame } from '../support/uploads.js';

let leat: LeatServer;
let ids = 0;
const freshId = () => `blob-${++ids}`;
const MIB = 1024 * 1024;

beforeAll(async () => void (leat = await startLeat({ 'min-free-disk': '0B' })));
afterAll(() => leat[Symbol.asyncDispose]());

/** Uploads a blob of random bytes. */
async function makeBlob(size: number, id = freshId()): Promise<{ id: string; content: Buffer; file: string }> {
  const content = randomBytes(size);
  await sendFrames(leat, [startFrame(id), ...chunkFrames(content, { size: MIB }), finishFrame(content)]);
  const fileId = (await leat.store.blob(id))?.fileId ?? '';
  return { id, content, file: path.join(leat.dataDir, 'files', fileId) };
}

function damage(file: string, position: number): void {
  const descriptor = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(descriptor, byte, 0, 1, position);
  writeSync(descriptor, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, position);
  closeSync(descriptor);
}

describe('DownloadBlob', () => {
  it('sends the blob, its bytes in order in checked chunks of at most 256 KiB, and the end', async () => {
    const { id, content } = await makeBlob(1_000_000);
    const { blob } = await leat.blobs.getBlob({ blobId: id });
    const cases: string[] = [];
    let largest = 0;
    for await (const { frame: got } of leat.blobs.downloadBlob({ blobId: id })) {
      cases.push(got?.$case ?? '');
      if (got?.$case === 'blob') expect(got.value).toEqual(blob);
      if (got?.$case === 'chunk') largest = Math.max(largest, got.value.data.length);
      if (got?.$case === 'end') expect(got.value).toEqual({ offset: 1_000_000n, sha256: blob?.sha256 });
    }
    expect(cases).toEqual(['blob', 'chunk', 'chunk', 'chunk', 'chunk', 'end']);
    expect(largest).toBe(256 * 1024);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });

  it('sends any range', async () => {
    const { id, content } = await makeBlob(700_000);
    const ranges: [bigint, bigint | undefined][] = [
      [0n, 1n],
      [65_535n, 2n],
      [65_536n, 65_536n],
      [262_143n, 262_146n],
      [1n, undefined],
      [699_999n, 1n],
      [699_999n, 2n ** 53n - 1n],
      [700_000n, undefined],
      [700_000n, 5n],
    ];
    for (const [offset, length] of ranges) {
      const expected = content.subarray(Number(offset), Number(offset) + Number(length ?? content.length));
      const got = await downloadAll(leat, { blobId: id, offset, length });
      expect([offset, length, got.equals(expected)]).toEqual([offset, length, true]);
    }
  });

  it('refuses what cannot be sent', async () => {
    const { id } = await makeBlob(10);
    const refused = (request: object) => failureOf(downloadAll(leat, request));
    expect(await refused({ blobId: 'nobody' })).toMatchObject({ code: Status.NOT_FOUND, reason: 'BLOB_NOT_FOUND' });
    expect(await refused({ blobId: id, offset: 11n })).toMatchObject({
      code: Status.OUT_OF_RANGE,
      reason: 'OFFSET_BEYOND_END',
      metadata: { size: '10' },
    });
    const { violations } = await refused({ blobId: '', offset: -1n, length: 0n });
    expect(violations.map(({ field }) => field)).toEqual(['blob_id', 'offset', 'length']);
  });

  it('says so when what is stored is damaged, after all that is not', async () => {
    const { id, content, file } = await makeBlob(1_000_000);
    damage(file, 600_000);
    const loss = { code: Status.DATA_LOSS, reason: 'CHECKSUM_MISMATCH' };
    const failure = await failureOf(downloadAll(leat, { blobId: id }));
    expect(failure).toMatchObject({ ...loss, metadata: { first_offset: '589824', last_offset: '655359' } });
    const before = await downloadAll(leat, { blobId: id, length: 524_288n });
    expect(before.equals(content.subarray(0, 524_288))).toBe(true);
    const behind = await downloadAll(leat, { blobId: id, offset: 655_360n });
    expect(behind.equals(content.subarray(655_360))).toBe(true);
    truncateSync(file, 900_000);
    const cut = await failureOf(downloadAll(leat, { blobId: id, offset: 786_432n }));
    expect(cut).toMatchObject({ code: Status.DATA_LOSS, reason: 'STORE_DAMAGED' });
    unlinkSync(file);
    const gone = await failureOf(downloadAll(leat, { blobId: id }));
    expect(gone).toMatchObject({ code: Status.DATA_LOSS, reason: 'STORE_DAMAGED' });
  });

  it('ends when its blob is deleted, whether its client reads or not', async () => {
    const { id } = await makeBlob(8 * MIB);
    await using connection = await connectRaw(leat.grpcPort);
    const stalled = connection.call('/leat.v1.BlobService/DownloadBlob', { paused: true });
    stalled.stream.end(frame(DownloadBlobRequest.encode(DownloadBlobRequest.fromPartial({ blobId: id })).finish()));
    await once(stalled.stream, 'readable');
    const reading = (async () => {
      for await (const { frame: got } of leat.blobs.downloadBlob({ blobId: id })) {
        if (got?.$case === 'blob') await leat.blobs.deleteBlob({ blobId: id });
      }
    })();
    expect(await failureOf(reading)).toMatchObject({ code: Status.NOT_FOUND, reason: 'BLOB_DELETED' });
    stalled.stream.resume();
    const ended = await stalled.ended;
    expect([
      [5, 'BLOB_DELETED'],
      [undefined, ''],
    ]).toContainEqual([ended.status, ended.reason]);
    await leat.idle();
  });

  it('reads little ahead of a client that does not read', async () => {
    const { id, content } = await makeBlob(32 * MIB);
    let read = 0;
    const openReader = leat.files.bytes.openReader.bind(leat.files.bytes);
    leat.files.bytes.openReader = async (fileId) => {
      const reader = await openReader(fileId);
      return {
        ...reader,
        read: async (offset, target) => {
          read += target.length;
          return reader.read(offset, target);
        },
      };
    };
    await using connection = await connectRaw(leat.grpcPort);
    const stalled = connection.call('/leat.v1.BlobService/DownloadBlob', { paused: true });
    stalled.stream.end(frame(DownloadBlobRequest.encode(DownloadBlobRequest.fromPartial({ blobId: id })).finish()));
    await once(stalled.stream, 'readable');
    // Another download of the same from beginning to end: the stalled one would have had its time.
    leat.files.bytes.openReader = openReader;
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
    expect(read).toBeLessThan(2 * MIB);
    stalled.stream.close(8);
    await leat.idle();
  });
});

describe('blobs', () => {
  it('are listed with the offset to follow from, page by page', async () => {
    await using own = await startLeat();
    for (const id of ['b', 'a', 'c']) await sendFrames(own, [startFrame(id), finishFrame(Buffer.alloc(0))]);
    const first = await own.blobs.listBlobs({ pageSize: 2 });
    expect(first).toMatchObject({
      blobs: [
        { blobId: 'a', etag: '2' },
        { blobId: 'b', etag: '1' },
      ],
      readOffset: 3n,
    });
    await own.blobs.deleteBlob({ blobId: 'b' });
    const { nextPageToken: pageToken } = first;
    const second = await own.blobs.listBlobs({ pageSize: 2, pageToken });
    expect(second).toMatchObject({ blobs: [{ blobId: 'c' }], readOffset: 3n, nextPageToken: '' });
    expect(await failureOf(own.blobs.listBlobs({ pageToken: 'x' }))).toMatchObject({ code: 3 });
    expect(await failureOf(own.blobs.listBlobs({ pageSize: -1 }))).toMatchObject({ code: 3 });
  });

  it('are removed with their file at the etag that is given, and tell of it', async () => {
    const { id, file } = await makeBlob(1_000);
    const { blob } = await leat.blobs.getBlob({ blobId: id });
    const stale = await failureOf(leat.blobs.deleteBlob({ blobId: id, etag: '0' }));
    const mismatch = { code: Status.ABORTED, reason: 'ETAG_MISMATCH', metadata: { etag: blob?.etag } };
    expect(stale).toMatchObject(mismatch);
    const metadata = Metadata({ 'leat-user': 'eve' });
    const { offset } = await leat.blobs.deleteBlob({ blobId: id, etag: blob?.etag }, { metadata });
    const [event] = (await readLog(leat.store, 'sys/blobs', Number(offset) - 1)).map(readJsonEvent);
    expect(event).toMatchObject({ type: 'blob.deleted', subject: id, author: 'eve', data: { blobId: id } });
    expect(readdirSync(path.dirname(file))).not.toContain(path.basename(file));
    for (const call of [leat.blobs.getBlob({ blobId: id }), leat.blobs.deleteBlob({ blobId: id })]) {
      expect(await failureOf(call)).toMatchObject({ code: Status.NOT_FOUND, reason: 'BLOB_NOT_FOUND' });
    }
    expect(await leat.blobs.deleteBlob({ blobId: id, allowMissing: true })).toEqual({ offset: 0n });
    expect(await failureOf(leat.uploads.getUpload({ uploadId: id }))).toMatchObject({ reason: 'UPLOAD_NOT_FOUND' });
    expect(await failureOf(leat.blobs.deleteBlob({}))).toMatchObject({ code: 3 });
    expect(await failureOf(leat.blobs.getBlob({ blobId: '/' }))).toMatchObject({ code: 3 });
  });

  it('leave their id to a new upload', async () => {
    const { id } = await makeBlob(1_000);
    await leat.blobs.deleteBlob({ blobId: id });
    const { content } = await makeBlob(2_000, id);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });

  it('are removed once when many try', async () => {
    const { id } = await makeBlob(1_000);
    const before = (await leat.store.topic('sys/blobs'))?.headOffset ?? 0;
    const remove = () => leat.blobs.deleteBlob({ blobId: id, allowMissing: true });
    const offsets = (await Promise.all(Array.from({ length: 8 }, remove))).map(({ offset }) => Number(offset));
    expect(offsets.sort((a, b) => a - b)).toEqual([0, 0, 0, 0, 0, 0, 0, before + 1]);
  });
});

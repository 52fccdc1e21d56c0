import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Metadata, Status } from 'nice-grpc';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { failureOf } from '../support/failed-call.js';
import { readJsonEvent, readLog } from '../support/read-log.js';
import { until } from '../support/until.js';
import {
  chunkFrame,
  chunkFrames,
  downloadAll,
  finishFrame,
  openUpload,
  sendFrames,
  startFrame,
  type UploadFrame,
} from '../support/uploads.js';

let leat: LeatServer;
let ids = 0;
const freshId = () => `upload-${++ids}`;
const as = (caller: string) => ({ metadata: Metadata({ 'leat-user': caller }) });
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest();
const files = () => readdirSync(path.join(leat.dataDir, 'files')).length;

beforeAll(async () => void (leat = await startLeat({ 'min-free-disk': '0B', 'max-upload-size': '8MiB' })));
afterAll(() => leat[Symbol.asyncDispose]());

async function uploaded(id: string, content: Buffer): Promise<void> {
  await sendFrames(leat, [startFrame(id), ...chunkFrames(content), finishFrame(content)]);
}

describe('UploadChunks', () => {
  it('makes a blob of what was sent when it is finished, and tells of it on sys/blobs', async () => {
    const id = freshId();
    const content = randomBytes(3_000_000);
    const start = startFrame(id, { name: 'größe.bin', contentType: 'image/png', size: 3_000_000n });
    const frames = [start, ...chunkFrames(content, { size: 256 * 1024 }), finishFrame(content)];
    const answer = await sendFrames(leat, frames, as('ada'));
    const properties = { name: 'größe.bin', contentType: 'image/png', size: 3_000_000n };
    expect(answer).toMatchObject({
      upload: { uploadId: id, state: 2, committedSize: 3_000_000n, ...properties },
      bytesReceived: 3_000_000n,
      blob: { blobId: id, author: 'ada', ...properties },
    });
    expect(Buffer.from(answer.blob?.sha256 ?? []).equals(sha256(content))).toBe(true);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
    expect(await leat.blobs.getBlob({ blobId: id })).toEqual({ blob: answer.blob });
    const [event] = (await readLog(leat.store, 'sys/blobs')).slice(-1).map(readJsonEvent);
    expect(event).toEqual({
      offset: Number(answer.blob?.etag),
      author: 'ada',
      type: 'blob.created',
      subject: id,
      data: {
        blobId: id,
        name: 'größe.bin',
        contentType: 'image/png',
        size: '3000000',
        author: 'ada',
        sha256: sha256(content).toString('base64'),
        createTime: expect.any(String),
      },
    });
  });

  it.each([0, 1, 65_535, 65_536, 262_145])('takes a file of %d bytes', async (size) => {
    const id = freshId();
    const content = randomBytes(size);
    await uploaded(id, content);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });

  it('takes chunks of a byte, and of 1 MiB, as they come', async () => {
    const id = freshId();
    const content = randomBytes(1024 * 1024 + 3_000);
    const frames = [
      ...chunkFrames(content.subarray(0, 3_000), { size: 1 }),
      ...chunkFrames(content, { from: 3_000, size: 1024 * 1024 }),
    ];
    await sendFrames(leat, [startFrame(id), ...frames, finishFrame(content)]);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });

  it('keeps what was sent when the stream ends without finish, and goes on there', async () => {
    const id = freshId();
    const content = randomBytes(1_000_000);
    const first = await sendFrames(leat, [startFrame(id), ...chunkFrames(content.subarray(0, 400_000))]);
    expect(first).toMatchObject({ upload: { state: 1, committedSize: 400_000n }, bytesReceived: 400_000n });
    expect(first.blob).toBeUndefined();
    expect(Number(first.upload?.expireTime?.seconds)).toBeGreaterThan(Date.now() / 1000 + 3600);
    expect(await leat.uploads.getUpload({ uploadId: id })).toEqual({ upload: first.upload });
    expect(await failureOf(leat.blobs.getBlob({ blobId: id }))).toMatchObject({ reason: 'BLOB_NOT_FOUND' });
    const rest = chunkFrames(content, { from: 300_000 });
    const second = await sendFrames(leat, [startFrame(id), ...rest, finishFrame(content)]);
    expect(second.blob?.size).toBe(1_000_000n);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });

  it('refuses a chunk at a wrong offset with the right one, and keeps what came before', async () => {
    const id = freshId();
    const content = randomBytes(300_000);
    const gap = [startFrame(id), ...chunkFrames(content.subarray(0, 100_000)), chunkFrame(content, 100_001, 200_000)];
    const refused = await failureOf(sendFrames(leat, gap));
    expect(refused).toMatchObject({
      code: Status.OUT_OF_RANGE,
      reason: 'WRONG_OFFSET',
      metadata: { committed_size: '100000' },
    });
    const { upload } = await leat.uploads.getUpload({ uploadId: id });
    expect(upload?.committedSize).toBe(100_000n);
  });

  it('compares bytes that come again, whether they are on the disk or on their way', async () => {
    const id = freshId();
    const content = randomBytes(200_000);
    const other = Buffer.from(content);
    other[150_000] = (other[150_000] ?? 0) ^ 1;
    const repeated = [chunkFrame(content, 0, 120_000), chunkFrame(content, 60_000, 180_000), chunkFrame(content, 0, 7)];
    await sendFrames(leat, [startFrame(id), ...repeated]);
    for (const frames of [
      [chunkFrame(other, 140_000, 200_000)],
      [chunkFrame(content, 180_000, 200_000), chunkFrame(other, 149_000, 151_000)],
    ]) {
      const refused = await failureOf(sendFrames(leat, [startFrame(id), ...frames]));
      expect(refused).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'UPLOAD_DIFFERS' });
    }
    await sendFrames(leat, [startFrame(id), chunkFrame(content, 180_000, 200_000), finishFrame(content)]);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });

  it('keeps nothing of a chunk that does not match its checksum, and goes on from what it has', async () => {
    const id = freshId();
    const content = randomBytes(200_000);
    const damaged = {
      $case: 'chunk',
      value: { offset: 100_000n, data: content.subarray(100_000), crc32c: 7 },
    } as const;
    const frames = [startFrame(id), chunkFrame(content, 0, 100_000), { frame: damaged }];
    expect(await failureOf(sendFrames(leat, frames))).toMatchObject({
      code: Status.DATA_LOSS,
      reason: 'CHECKSUM_MISMATCH',
      metadata: { committed_size: '100000' },
    });
    await sendFrames(leat, [startFrame(id), ...chunkFrames(content, { from: 100_000 }), finishFrame(content)]);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });

  it.each<[string, UploadFrame['frame'], object, string]>([
    ['another size at finish', { $case: 'finish', value: { size: 1_001n } }, {}, 'SIZE_MISMATCH'],
    ['another size at start', { $case: 'finish', value: { size: 1_000n } }, { size: 999n }, 'SIZE_MISMATCH'],
    [
      'another digest at finish',
      { $case: 'finish', value: { size: 1_000n, sha256: Buffer.alloc(32) } },
      {},
      'DIGEST_MISMATCH',
    ],
    [
      'another digest at start',
      { $case: 'finish', value: { size: 1_000n } },
      { sha256: Buffer.alloc(32) },
      'DIGEST_MISMATCH',
    ],
  ])('throws everything away for %s, and can be started again', async (_, frame, properties, reason) => {
    const id = freshId();
    const content = randomBytes(1_000);
    const before = files();
    const sent = sendFrames(leat, [startFrame(id, properties), ...chunkFrames(content), { frame }]);
    expect(await failureOf(sent)).toMatchObject({ code: Status.DATA_LOSS, reason });
    expect(await failureOf(leat.uploads.getUpload({ uploadId: id }))).toMatchObject({ reason: 'UPLOAD_NOT_FOUND' });
    expect(files()).toBe(before);
    await uploaded(id, content);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });

  it('answers the same when it is repeated after it was finished', async () => {
    const id = freshId();
    const content = randomBytes(100_000);
    const start = startFrame(id, { size: 100_000n });
    const first = await sendFrames(leat, [start, ...chunkFrames(content), finishFrame(content)]);
    const repeats = [
      [start, ...chunkFrames(content), finishFrame(content)],
      [start, finishFrame(content)],
      [startFrame(id), chunkFrame(content, 99_000, 100_000)],
      [start],
    ];
    for (const frames of repeats) expect(await sendFrames(leat, frames)).toEqual(first);
    expect(await leat.uploads.getUpload({ uploadId: id })).toEqual({ upload: first.upload, blob: first.blob });
  });

  it('refuses to be another one than was started, or finished', async () => {
    const [open, done] = [freshId(), freshId()];
    const content = randomBytes(1_000);
    const properties = { name: 'n', contentType: 'text/plain', size: 1_000n };
    await sendFrames(leat, [startFrame(open, properties)]);
    await sendFrames(leat, [startFrame(done, properties), ...chunkFrames(content), finishFrame(content)]);
    for (const id of [open, done]) {
      for (const other of [
        { name: 'm' },
        { contentType: 'text/html' },
        { size: 1_001n },
        { sha256: Buffer.alloc(32) },
      ]) {
        const refused = await failureOf(sendFrames(leat, [startFrame(id, { ...properties, ...other })]));
        expect(refused).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'UPLOAD_DIFFERS' });
      }
      const refused = await failureOf(sendFrames(leat, [startFrame(id, properties)], as('eve')));
      expect(refused).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'UPLOAD_DIFFERS' });
    }
    const start = startFrame(done, properties);
    const others = [chunkFrame(randomBytes(1_000), 0, 1_000), chunkFrame(randomBytes(2_000), 1_000, 1_001)];
    const finishes = [finishFrame(randomBytes(1_000)), finishFrame(content.subarray(1))];
    for (const frame of [...others, ...finishes]) {
      expect(await failureOf(sendFrames(leat, [start, frame]))).toMatchObject({ reason: 'UPLOAD_DIFFERS' });
    }
  });

  it('refuses what is too large, when it is said and when it comes', async () => {
    const id = freshId();
    const tooMuch = failureOf(sendFrames(leat, [startFrame(id, { size: 8n * 1024n * 1024n + 1n })]));
    const refusal = { code: Status.RESOURCE_EXHAUSTED, reason: 'UPLOAD_TOO_LARGE', metadata: { limit: '8388608' } };
    expect(await tooMuch).toMatchObject(refusal);
    const content = randomBytes(8 * 1024 * 1024 + 1);
    const frames = [startFrame(id), ...chunkFrames(content, { size: 1024 * 1024 })];
    expect(await failureOf(sendFrames(leat, frames))).toMatchObject(refusal);
    const { upload } = await leat.uploads.getUpload({ uploadId: id });
    expect(upload?.committedSize).toBe(8n * 1024n * 1024n);
  });

  it('tells all that is wrong with a frame, with its paths', async () => {
    const id = freshId();
    const { frame: bad } = startFrame('no/path', {
      name: 'x'.repeat(256),
      contentType: 'y'.repeat(129),
      size: -1n,
      sha256: Buffer.alloc(31),
    });
    const cases: [UploadFrame[], string[]][] = [
      [[], ['start']],
      [[{}], ['start']],
      [[chunkFrame(Buffer.alloc(9), 0, 9)], ['start']],
      [[{ frame: bad }], ['start.upload_id', 'start.name', 'start.content_type', 'start.size', 'start.sha256']],
      [[startFrame('')], ['start.upload_id']],
      [[startFrame(id), {}], ['frame']],
      [[startFrame(id), startFrame(id)], ['start']],
      [
        [startFrame(id), { frame: { $case: 'chunk', value: { offset: -1n } } }],
        ['chunk.offset', 'chunk.data'],
      ],
      [[startFrame(id), chunkFrame(Buffer.alloc(1024 * 1024 + 1), 0, 1024 * 1024 + 1)], ['chunk.data']],
      [
        [startFrame(id), { frame: { $case: 'finish', value: { sha256: Buffer.alloc(3) } } }],
        ['finish.size', 'finish.sha256'],
      ],
      [[startFrame(id), { frame: { $case: 'finish', value: { size: -1n } } }], ['finish.size']],
    ];
    for (const [frames, fields] of cases) {
      const { code, violations } = await failureOf(sendFrames(leat, frames));
      expect({ code, fields: violations.map(({ field }) => field) }).toEqual({ code: 3, fields });
    }
  });

  it('ends an older stream of the same upload, and goes on where that was', async () => {
    const id = freshId();
    const content = randomBytes(300_000);
    const older = openUpload(leat);
    older.send(startFrame(id), ...chunkFrames(content.subarray(0, 200_000)));
    const newer = openUpload(leat);
    await older.received(id, leat);
    newer.send(startFrame(id));
    expect(await failureOf(older.answer)).toMatchObject({ code: Status.ABORTED, reason: 'UPLOAD_FENCED' });
    newer.send(chunkFrame(content, 0, 200_000), chunkFrame(content, 200_000, 300_000), finishFrame(content));
    newer.end();
    expect(await newer.answer).toMatchObject({ blob: { size: 300_000n } });
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });

  it('lets nobody end a stream of an upload who may not take it over', async () => {
    const id = freshId();
    const content = randomBytes(10_000);
    const stream = openUpload(leat, as('ada'));
    stream.send(startFrame(id));
    await stream.received(id, leat);
    const differs = { code: Status.ALREADY_EXISTS, reason: 'UPLOAD_DIFFERS' };
    expect(await failureOf(sendFrames(leat, [startFrame(id)], as('bob')))).toMatchObject(differs);
    expect(await failureOf(sendFrames(leat, [startFrame(id, { name: 'x' })], as('ada')))).toMatchObject(differs);
    stream.send(...chunkFrames(content), finishFrame(content));
    stream.end();
    expect(await stream.answer).toMatchObject({ blob: { author: 'ada', size: 10_000n } });
  });

  it('tells true progress while it goes on', async () => {
    const id = freshId();
    const stream = openUpload(leat);
    stream.send(startFrame(id), chunkFrame(Buffer.alloc(10_000), 0, 10_000));
    // Within a second or so, without another byte.
    await stream.received(id, leat, 10_000n);
    stream.end();
    await stream.answer;
  });
});

describe('uploads that are not finished', () => {
  it('are bounded for each caller', async () => {
    await using own = await startLeat({ 'max-open-uploads': 2 });
    for (const id of ['a', 'b']) await sendFrames(own, [startFrame(id)], as('ada'));
    const refused = await failureOf(sendFrames(own, [startFrame('c')], as('ada')));
    expect(refused).toMatchObject({ code: 8, reason: 'TOO_MANY_UPLOADS', metadata: { limit: '2' } });
    await sendFrames(own, [startFrame('c')], as('eve'));
    await own.uploads.cancelUpload({ uploadId: 'a' }, as('ada'));
    await sendFrames(own, [startFrame('d')], as('ada'));
  });

  it('are listed by caller, page by page', async () => {
    for (const id of ['l1', 'l2', 'l3']) await sendFrames(leat, [startFrame(id)], as('lister'));
    const first = await leat.uploads.listUploads({ pageSize: 2 }, as('lister'));
    expect(first.uploads.map(({ uploadId }) => uploadId)).toEqual(['l1', 'l2']);
    const { nextPageToken: pageToken } = first;
    const second = await leat.uploads.listUploads({ pageSize: 2, pageToken }, as('lister'));
    expect(second).toMatchObject({ uploads: [{ uploadId: 'l3', state: 1 }], nextPageToken: '' });
    expect(await leat.uploads.listUploads({}, as('nobody'))).toMatchObject({ uploads: [] });
    const foreign = await failureOf(leat.uploads.listUploads({ pageToken }, as('nobody')));
    expect(foreign).toMatchObject({ code: 3, reason: 'TOKEN_MISMATCH' });
    expect(await failureOf(leat.uploads.listUploads({ pageSize: -1 }))).toMatchObject({ code: 3 });
  });

  it('are nobody else’s', async () => {
    await sendFrames(leat, [startFrame('mine')], as('ada'));
    for (const call of [
      leat.uploads.getUpload({ uploadId: 'mine' }, as('eve')),
      leat.uploads.cancelUpload({ uploadId: 'mine' }, as('eve')),
    ]) {
      expect(await failureOf(call)).toMatchObject({ code: Status.NOT_FOUND, reason: 'UPLOAD_NOT_FOUND' });
    }
  });

  it('are thrown away when they are cancelled, and whoever sends one is told', async () => {
    const id = freshId();
    const before = files();
    const stream = openUpload(leat);
    stream.send(startFrame(id), chunkFrame(randomBytes(5_000), 0, 5_000));
    await stream.received(id, leat, 5_000n);
    await leat.uploads.cancelUpload({ uploadId: id });
    expect(await failureOf(stream.answer)).toMatchObject({ code: Status.NOT_FOUND, reason: 'UPLOAD_CANCELLED' });
    for (const call of [leat.uploads.getUpload({ uploadId: id }), leat.uploads.cancelUpload({ uploadId: id })]) {
      expect(await failureOf(call)).toMatchObject({ code: Status.NOT_FOUND, reason: 'UPLOAD_NOT_FOUND' });
    }
    expect(files()).toBe(before);
  });

  it('cannot be cancelled when they are blobs', async () => {
    const id = freshId();
    await uploaded(id, randomBytes(10));
    const refused = await failureOf(leat.uploads.cancelUpload({ uploadId: id }));
    expect(refused).toMatchObject({ code: Status.FAILED_PRECONDITION, reason: 'UPLOAD_COMPLETE' });
    expect(await failureOf(leat.uploads.cancelUpload({ uploadId: '?' }))).toMatchObject({ code: 3 });
    expect(await failureOf(leat.uploads.getUpload({}))).toMatchObject({ code: 3 });
  });

  it('expire when nothing comes, but not while a stream is open', async () => {
    await using own = await startLeat({ 'upload-max-idle': '1s' });
    const stream = openUpload(own);
    stream.send(startFrame('open'));
    await sendFrames(own, [startFrame('idle'), chunkFrame(Buffer.alloc(9), 0, 9)]);
    const isGone = async (uploadId: string) => (await own.store.upload(uploadId)) === undefined;
    await until(() => isGone('idle'));
    expect(await isGone('open')).toBe(false);
    // Its file goes right behind it.
    await until(() => readdirSync(path.join(own.dataDir, 'files')).length === 1);
    stream.end();
    await stream.answer;
    await until(() => isGone('open'));
  });
});

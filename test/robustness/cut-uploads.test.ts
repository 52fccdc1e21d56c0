import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UploadChunksRequest } from '../../gen/leat/v1/upload_service.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { connectRaw, frame, type RawCall, type RawConnection, type RawEnd } from '../support/raw-http2.js';
import { soon } from '../support/soon.js';
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

/** How often each way of ending a stream is tried. */
const TIMES = Number(process.env.LEAT_CUT_TIMES ?? 30);
/** What is sent before the end, and what would come after it. */
const SENT = 150_000;
const SIZE = 200_000;
const CHUNK = 30_000;

const encoded = (request: UploadFrame) =>
  frame(UploadChunksRequest.encode(UploadChunksRequest.fromPartial(request)).finish());

interface Way {
  readonly name: string;
  readonly headers?: Record<string, string>;
  end(call: RawCall, connection: RawConnection, content: Buffer): unknown;
  /** The status on the wire; undefined: whatever can still come. */
  readonly status?: number;
  /** What must be durable; undefined: as much as had come. */
  readonly durable?: number;
}

const ways: readonly Way[] = [
  { name: 'half-close', end: ({ stream }) => stream.end(), status: 0, durable: SENT },
  { name: 'RST_STREAM 0', end: ({ stream }) => stream.close(0) },
  { name: 'RST_STREAM 2', end: ({ stream }) => stream.close(2) },
  { name: 'RST_STREAM 8, as clients abort', end: ({ stream }) => stream.close(8) },
  { name: 'a cut of the TCP connection', end: (_, connection) => connection.cut() },
  { name: 'the deadline', headers: { 'grpc-timeout': '30m' }, end: () => undefined, status: 4 },
  {
    name: 'a malformed message',
    end: ({ stream }) => stream.end(frame(Buffer.from([0xff, 0xff]))),
    status: 3,
    durable: SENT,
  },
  {
    name: 'a truncated frame',
    end: ({ stream }, _, content) => stream.end(encoded(finishFrame(content)).subarray(0, -1)),
    status: 3,
    durable: SENT,
  },
  {
    name: 'a reset right behind finish, which came in part',
    end: ({ stream }, _, content) => stream.write(encoded(finishFrame(content)).subarray(0, -1), () => stream.close(8)),
  },
];

let leat: LeatServer;
beforeAll(async () => void (leat = await startLeat({ 'min-free-disk': '0B' })));
afterAll(() => leat[Symbol.asyncDispose]());

/** Sends the first part of a file, ends the stream in a way, and returns how that was seen. */
async function cut(id: string, content: Buffer, way: Way, isSynced: boolean): Promise<RawEnd> {
  await using connection = await connectRaw(leat.grpcPort);
  const call = connection.call('/leat.v1.UploadService/UploadChunks', { headers: way.headers });
  const frames = [startFrame(id), ...chunkFrames(content.subarray(0, SENT), { size: CHUNK })];
  await Promise.race([
    new Promise((resolve) => call.stream.write(Buffer.concat(frames.map(encoded)), resolve)),
    call.ended,
  ]);
  // Every other time the server has begun when it ends.
  if (isSynced) await until(async () => call.stream.closed || (await leat.store.upload(id)) !== undefined);
  way.end(call, connection, content);
  return await soon(`the end by ${way.name}`, call.ended);
}

/** The bytes of the upload's file that count. */
async function durableBytes(id: string): Promise<Buffer> {
  const upload = await leat.store.upload(id);
  // Without a byte it may be without a file.
  if (!upload || upload.committedSize === 0) return Buffer.alloc(0);
  return readFileSync(path.join(leat.dataDir, 'files', upload.fileId)).subarray(0, upload.committedSize);
}

describe('an upload that is ended by', () => {
  it.each(ways.map((way) => [way.name, way] as const))('%s is no blob, and has what is durable', async (name, way) => {
    for (let time = 0; time < TIMES; time++) {
      const id = `${name.replace(/\W+/g, '-')}-${time}`;
      const content = randomBytes(SIZE);
      const ended = await cut(id, content, way, time % 2 === 0);
      if (way.status !== undefined) expect({ time, ...ended }).toMatchObject({ status: way.status });
      await soon('the server to be done', leat.idle());
      expect(await leat.store.blob(id)).toBeUndefined();
      const durable = await durableBytes(id);
      if (way.durable !== undefined) expect(durable.length).toBe(way.durable);
      expect(durable.length % CHUNK).toBe(0);
      expect(durable.equals(content.subarray(0, durable.length))).toBe(true);
      const rest = chunkFrames(content, { from: durable.length, size: CHUNK });
      await sendFrames(leat, [startFrame(id), ...rest, finishFrame(content)]);
      expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
    }
  });

  it('a gRPC client that aborts is no blob, and has what is durable', async () => {
    for (let time = 0; time < TIMES; time++) {
      const id = `aborted-${time}`;
      const content = randomBytes(SIZE);
      const leaving = new AbortController();
      const stream = openUpload(leat, { signal: leaving.signal });
      stream.send(startFrame(id), ...chunkFrames(content.subarray(0, SENT), { size: CHUNK }));
      await until(() => leat.server.calls.size > 0);
      if (time % 2 === 0) await stream.received(id, leat);
      leaving.abort();
      await expect(stream.answer).rejects.toMatchObject({ name: 'AbortError' });
      await soon('the server to be done', leat.idle());
      expect(await leat.store.blob(id)).toBeUndefined();
      const durable = await durableBytes(id);
      expect(durable.length % CHUNK).toBe(0);
      expect(durable.equals(content.subarray(0, durable.length))).toBe(true);
    }
  });

  it('finish is a blob', async () => {
    for (let time = 0; time < TIMES; time++) {
      const id = `finished-${time}`;
      const content = randomBytes(SIZE);
      await using connection = await connectRaw(leat.grpcPort);
      const call = connection.call('/leat.v1.UploadService/UploadChunks');
      const frames = [startFrame(id), ...chunkFrames(content, { size: CHUNK }), finishFrame(content)];
      call.stream.end(Buffer.concat(frames.map(encoded)));
      expect(await soon('the answer', call.ended)).toMatchObject({ status: 0 });
      expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
    }
  });
});

describe('two streams of one upload', () => {
  const STEPS = 5;
  const frames = (id: string, content: Buffer) => [
    startFrame(id),
    ...chunkFrames(content, { size: SIZE / STEPS }),
    finishFrame(content),
  ];

  /** How many frames each has sent when it is the other's turn. */
  const turns = Array.from({ length: STEPS + 2 }, (_, older) => older + 1).flatMap((older) =>
    Array.from({ length: STEPS + 2 }, (_, newer) => [older, newer + 1] as const),
  );

  it('make one blob, whole, whichever comes when: the newer one goes on, the older one is told', async () => {
    for (const [older, newer] of turns) {
      const id = `two-${older}-${newer}`;
      const content = randomBytes(SIZE);
      const all = frames(id, content);
      const [first, second] = [openUpload(leat), openUpload(leat)];
      first.send(...all.slice(0, older));
      const isThere = async () => (await leat.store.upload(id)) ?? (await leat.store.blob(id));
      await until(async () => (await isThere()) !== undefined);
      second.send(...all.slice(0, newer));
      first.send(...all.slice(older));
      first.end();
      second.send(...all.slice(newer));
      second.end();
      expect(await soon('the newer stream', second.answer)).toMatchObject({ blob: { blobId: id } });
      const told = await soon(
        'the older stream',
        first.answer.then(({ blob }) => blob?.blobId, reasonOf),
      );
      expect([id, 'UPLOAD_FENCED']).toContain(told);
      expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
    }
  });

  it('take turns as often as they like, and lose nothing', async () => {
    const id = 'to-and-fro';
    const content = randomBytes(SIZE);
    let stream = openUpload(leat);
    stream.send(startFrame(id));
    for (let turn = 0; turn < 40; turn++) {
      await stream.received(id, leat);
      const next = openUpload(leat);
      next.send(startFrame(id));
      expect(await soon('the older stream', stream.answer.catch(reasonOf))).toBe('UPLOAD_FENCED');
      // Whether the older one's last chunk had come in time does not matter to who asks.
      const committed = Number((await leat.store.upload(id))?.committedSize);
      next.send(chunkFrame(content, committed, committed + 5_000));
      stream = next;
    }
    stream.end();
    const { bytesReceived } = await soon('the last stream', stream.answer);
    const rest = chunkFrames(content, { from: Number(bytesReceived) });
    await sendFrames(leat, [startFrame(id), ...rest, finishFrame(content)]);
    expect((await downloadAll(leat, { blobId: id })).equals(content)).toBe(true);
  });
});

function reasonOf(error: unknown): string {
  const { extra = [] } = error as { extra?: { reason?: string }[] };
  return extra.find(({ reason }) => reason !== undefined)?.reason ?? String(error);
}

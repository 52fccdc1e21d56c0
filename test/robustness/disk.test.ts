import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { EventRecord } from '../../gen/leat/v1/event.js';
import type { LeatClient } from '../../src/client/index.js';
import { type CallError, readCallError } from '../support/call-error.js';
import { spawnServer, type ChildServer } from '../support/child-server.js';
import { itUnless } from '../support/it-unless.js';
import { mountExt4, mountTmpfs, whyNoMount } from '../support/mounts.js';
import { makeTempDir } from '../support/temp-dir.js';
import { until } from '../support/until.js';
import { chunkFrames, finishFrame, openUpload, startFrame } from '../support/uploads.js';

const TOPIC = 'disk';
const MIB = 1024 * 1024;

const noTmpfs = await whyNoMount(() => mountTmpfs(MIB));
const noExt4 = await whyNoMount(mountExt4);

const text = (value: string, size = value.length) => ({
  type: 'disk',
  payload: { $case: 'text' as const, value: value.padEnd(size, '.') },
});

async function read({ events }: LeatClient): Promise<EventRecord[]> {
  const records: EventRecord[] = [];
  for await (const page of events.listEvents({ topic: TOPIC })) records.push(...page.records);
  return records;
}

/** What has been acknowledged, and how to write more of it. */
function createWriter({ events, users }: LeatClient) {
  let written = 0;
  let created = 0;
  return {
    get written() {
      return written;
    },
    async event(size: number) {
      await events.publishEvent({ topic: TOPIC, event: text(`${written}`, size) });
      written++;
    },
    async user() {
      await users.createUser({ user: { userId: `user-${created}`, name: 'n' } });
      created++;
    },
    /** A stream of 100 batches of 40 KiB; what is durable counts, whether it succeeds or not. */
    async stream() {
      const first = written;
      const batches = async function* () {
        for (let batch = 0; batch < 100; batch++) yield { topic: TOPIC, events: [text(`${first + batch}`, 40_000)] };
      };
      const failure = await events.publishEvents(batches()).then(() => undefined, readCallError);
      written += Number(failure === undefined ? 100 : (failure.progress?.committedMessages ?? 0));
      if (failure !== undefined) throw Object.assign(new Error('refused'), { failure });
    },
    /** The users that were acknowledged are there, and the log says the same. */
    async checkUsers() {
      const listed = (await users.listUsers({ pageSize: 1_000 })).users.map(({ userId }) => userId);
      expect(listed.sort()).toEqual(Array.from({ length: created }, (_, index) => `user-${index}`).sort());
      const { topic } = await events.getTopic({ topic: 'sys/users' });
      expect(topic?.headOffset).toBe(BigInt(created));
    },
  };
}

/** The first failure of something that is repeated until then. */
async function untilRefused(act: () => Promise<void>): Promise<CallError | undefined> {
  try {
    for (;;) await act();
  } catch (error) {
    return readCallError(error) ?? (error as { failure?: CallError }).failure;
  }
}

async function checkLog(client: LeatClient, count: number): Promise<void> {
  const records = await read(client);
  expect(records.map(({ offset }) => Number(offset))).toEqual(records.map((_, index) => index + 1));
  const numbers = records.map(({ event }) =>
    Number.parseInt(event?.payload?.$case === 'text' ? event.payload.value : ''),
  );
  expect(numbers).toEqual(Array.from({ length: count }, (_, index) => index));
  const { topic } = await client.events.getTopic({ topic: TOPIC });
  expect(topic?.headOffset).toBe(BigInt(count));
}

/** Everything that writes is refused in one way, reads go on, and after `makeRoom` it all works again. */
async function checkRefused(server: ChildServer, block: () => () => void, refusal: object): Promise<number> {
  const client = await server.connect();
  const writer = createWriter(client);
  await writer.event(10);
  await writer.user();
  const unblock = block();
  expect(await untilRefused(() => writer.event(200_000))).toMatchObject(refusal);
  expect(await untilRefused(() => writer.stream())).toMatchObject(refusal);
  expect(await untilRefused(() => writer.user())).toMatchObject(refusal);
  expect(await untilRefused(() => writer.event(10))).toMatchObject(refusal);
  await checkLog(client, writer.written);
  await writer.checkUsers();
  unblock();
  await writer.event(10);
  await writer.stream();
  await writer.user();
  await checkLog(client, writer.written);
  await writer.checkUsers();
  expect(server.errors()).toBe('');
  return writer.written;
}

/** Sends `content` from what is durable on; `finishes` says whether that is all of it. */
async function sendFile({ uploads }: LeatClient, uploadId: string, content: Buffer, finishes: boolean) {
  const known = await uploads.getUpload({ uploadId }).catch(() => ({ upload: undefined }));
  const from = Number(known.upload?.committedSize ?? 0);
  return uploads.uploadChunks(
    (async function* () {
      yield startFrame(uploadId);
      yield* chunkFrames(content, { from, size: 256 * 1024 });
      if (finishes) yield finishFrame(content);
    })(),
  );
}

async function committedSize({ uploads }: LeatClient, uploadId: string): Promise<number> {
  const { upload } = await uploads.getUpload({ uploadId }).catch(() => ({ upload: undefined }));
  return Number(upload?.committedSize ?? -1);
}

const diskFull = { code: 8, reason: 'DISK_FULL', retryAfterMs: 5_000 };
/** Of uploads: waiting alone makes no room. */
const noRoom = { code: 8, reason: 'DISK_FULL', retryAfterMs: undefined };
const readOnly = { code: 14, reason: 'STORE_READ_ONLY', retryAfterMs: 5_000 };

describe('a full disk', () => {
  itUnless(noTmpfs, 'refuses writes, leaves nothing half-written, and works again when there is room', async () => {
    await using mount = await mountTmpfs(48 * MIB);
    let written: number;
    {
      await using server = spawnServer({ 'data-dir': mount.path });
      written = await checkRefused(server, () => mount.fill(), diskFull);
    }
    await using again = spawnServer({ 'data-dir': mount.path });
    await checkLog(await again.connect(), written);
  });

  itUnless(noTmpfs, 'ends an upload in the middle, which goes on from what is durable when there is room', async () => {
    await using mount = await mountTmpfs(48 * MIB);
    await using server = spawnServer({ 'data-dir': mount.path, 'min-free-disk': '0B' });
    const client = await server.connect();
    const content = randomBytes(30 * MIB);
    await sendFile(client, 'file', content.subarray(0, 10 * MIB), false);
    const giveBack = mount.fill();
    const refused = await sendFile(client, 'file', content, true).then(() => undefined, readCallError);
    expect(refused).toMatchObject(noRoom);
    giveBack();
    const { upload } = await client.uploads.getUpload({ uploadId: 'file' });
    expect(Number(upload?.committedSize)).toBeGreaterThanOrEqual(10 * MIB);
    const { blob } = await sendFile(client, 'file', content, true);
    expect(Buffer.from(blob?.sha256 ?? []).equals(createHash('sha256').update(content).digest())).toBe(true);
    expect(server.errors()).toBe('');
  });

  itUnless(noTmpfs, 'is foreseen: uploads leave free what the service is told to keep', async () => {
    await using mount = await mountTmpfs(48 * MIB);
    await using server = spawnServer({ 'data-dir': mount.path, 'min-free-disk': '24MiB' });
    const client = await server.connect();
    const content = randomBytes(40 * MIB);
    const size = BigInt(content.length);
    const announced = client.uploads.uploadChunks(
      (async function* () {
        yield startFrame('announced', { size });
      })(),
    );
    expect(await announced.then(() => undefined, readCallError)).toMatchObject(noRoom);
    const refused = await sendFile(client, 'file', content, true).then(() => undefined, readCallError);
    expect(refused).toMatchObject(noRoom);
    const { upload } = await client.uploads.getUpload({ uploadId: 'file' });
    expect(Number(upload?.committedSize)).toBeGreaterThan(0);
    await client.events.publishEvent({ topic: TOPIC, event: text('still', 10) });
    await client.uploads.cancelUpload({ uploadId: 'file' });
    const small = content.subarray(0, MIB);
    expect(await sendFile(client, 'small', small, true)).toMatchObject({ blob: { size: BigInt(MIB) } });
  });

  itUnless(
    noTmpfs,
    'is not reached by uploads that fit singly and not together: the later one is refused at its start',
    async () => {
      await using mount = await mountTmpfs(48 * MIB);
      const flags = { 'data-dir': mount.path, 'min-free-disk': '4MiB' };
      const content = randomBytes(24 * MIB);
      const size = BigInt(content.length);
      const startOf = (uploadId: string) =>
        async function* () {
          yield startFrame(uploadId, { size });
        };
      {
        await using server = spawnServer(flags);
        const client = await server.connect();
        const first = openUpload(client);
        first.send(startFrame('first', { size }), ...chunkFrames(content.subarray(0, MIB)));
        await until(async () => (await committedSize(client, 'first')) === MIB);
        const failure = await client.uploads.uploadChunks(startOf('second')()).then(() => undefined, readCallError);
        expect(failure).toMatchObject({ ...noRoom, metadata: { needed_bytes: `${size}` } });
        expect(Number(failure?.metadata.available_bytes)).toBeGreaterThan(10 * MIB);
        expect(Number(failure?.metadata.available_bytes)).toBeLessThan(24 * MIB);
        // One that says nothing of its size cannot take what is reserved either.
        const unannounced = await sendFile(client, 'third', randomBytes(40 * MIB), true).then(
          () => undefined,
          readCallError,
        );
        expect(unannounced).toMatchObject(noRoom);
        await client.uploads.cancelUpload({ uploadId: 'third' });
      }
      // The reservation outlives the server, and its upload can use it.
      await using again = spawnServer(flags);
      const client = await again.connect();
      const refused = await client.uploads.uploadChunks(startOf('second')()).then(() => undefined, readCallError);
      expect(refused).toMatchObject({ ...noRoom, metadata: { needed_bytes: `${size}` } });
      await client.uploads.cancelUpload({ uploadId: 'first' });
      const second = openUpload(client);
      second.send(startFrame('second', { size }), ...chunkFrames(content), finishFrame(content));
      expect((await second.answer).blob?.size).toBe(size);
    },
  );

  it('is what a limit on the size of files looks like, too', async () => {
    await using dir = await makeTempDir();
    await using server = spawnServer({ 'data-dir': dir.path });
    const limit = (bytes: string) => execFileSync('prlimit', ['--pid', `${server.pid}`, `--fsize=${bytes}:unlimited`]);
    const block = () => {
      limit('1000000');
      return () => limit('unlimited');
    };
    await checkRefused(server, block, diskFull);
  });
});

describe('a file system that becomes read-only', () => {
  itUnless(noExt4, 'refuses writes and serves reads; a server that comes after it is repaired goes on', async () => {
    await using mount = await mountExt4();
    {
      await using server = spawnServer({ 'data-dir': mount.path });
      const client = await server.connect();
      const writer = createWriter(client);
      await writer.event(10);
      // What the kernel does after an error of the device.
      mount.remount('abort');
      expect(await untilRefused(() => writer.event(10))).toMatchObject(readOnly);
      expect(await untilRefused(() => writer.user())).toMatchObject(readOnly);
      await checkLog(client, 1);
    }
    mount.repair();
    await using again = spawnServer({ 'data-dir': mount.path });
    await checkLog(await again.connect(), 1);
  });

  itUnless(noTmpfs, 'is told to who starts a server on it', async () => {
    await using mount = await mountTmpfs(16 * MIB);
    {
      await using server = spawnServer({ 'data-dir': mount.path });
      await createWriter(await server.connect()).event(10);
    }
    mount.remount('ro');
    await using refused = spawnServer({ 'data-dir': mount.path });
    await expect(refused.exited).resolves.toEqual({ code: 1, signal: null });
    expect(refused.lines.at(-1)?.msg).toMatch(`the data directory ${mount.path} cannot be used`);
    mount.remount('rw');
    await using server = spawnServer({ 'data-dir': mount.path });
    await checkLog(await server.connect(), 1);
  });
});

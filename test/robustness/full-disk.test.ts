import { randomBytes } from 'node:crypto';
import { describe, expect } from '@jest/globals';
import type { LeatClient } from '../../src/client/index.js';
import { type CallError, readCallError } from '../support/call-error.js';
import { type ChildServer, spawnServer } from '../support/child-server.js';
import { itUnless } from '../support/it-unless.js';
import { type Mount, mountTmpfs, whyNoMount } from '../support/mounts.js';
import { untilPolled } from '../support/until.js';
import { chunkFrames, finishFrame, sendFrames, startFrame } from '../support/uploads.js';

const MIB = 1024 * 1024;
const noTmpfs = await whyNoMount(() => mountTmpfs(MIB));

const text = (size: number) => ({ type: 'a', payload: { $case: 'text' as const, value: '.'.repeat(size) } });

const serve = (mount: Mount) => spawnServer({ 'data-dir': mount.path, 'min-free-disk': '0B' });

const publish = ({ events }: LeatClient, topic: string, size: number) =>
  events.publishEvent({ topic, event: text(size) });

/** What the call failed with; undefined if it did not. */
const failureOf = (call: Promise<unknown>): Promise<CallError | undefined> => call.then(() => undefined, readCallError);

/** Does something again and again, until it fails; resolves to the failure. */
async function untilRefused(act: () => Promise<unknown>): Promise<CallError | undefined> {
  for (;;) {
    const failure = await failureOf(act());
    if (failure) return failure;
  }
}

/** Things that can be deleted later, each of which takes some room. */
async function prepare(client: LeatClient): Promise<void> {
  await client.users.createUser({ user: { userId: 'ada', name: 'Ada' } });
  const content = randomBytes(MIB);
  await sendFrames(client, [startFrame('blob'), ...chunkFrames(content), finishFrame(content)]);
  await sendFrames(client, [startFrame('upload'), ...chunkFrames(content)]);
  for (const topic of ['trimmed', 'limited', 'deleted']) {
    for (let count = 0; count < 8; count++) await publish(client, topic, 100_000);
  }
}

const diskFull = { code: 8, reason: 'DISK_FULL' };

/** Everything that frees space succeeds, and what does not is refused. */
async function freeAll(client: LeatClient): Promise<void> {
  const { blobs, events, uploads, users } = client;
  expect(await untilRefused(() => publish(client, 'more', 20_000))).toMatchObject(diskFull);
  await blobs.deleteBlob({ blobId: 'blob' });
  await uploads.cancelUpload({ uploadId: 'upload' });
  await users.deleteUser({ userId: 'ada' });
  await events.updateTopic({
    topic: { topic: 'limited', retention: { maxEvents: 1n } },
    updateMask: ['retention.max_events'],
  });
  expect((await events.trimTopic({ topic: 'trimmed', beforeOffset: 8n })).firstOffset).toBe(8n);
  await events.deleteTopic({ topic: 'deleted' });
  expect((await events.getTopic({ topic: 'trimmed' })).topic?.firstOffset).toBe(8n);
  // The sweeper goes on as well.
  await untilPolled(async () => (await events.getTopic({ topic: 'limited' })).topic?.firstOffset === 8n);
}

/** It takes writes again without a restart, as the room comes back step by step, and logs that it does. */
async function recovers(server: ChildServer, client: LeatClient): Promise<void> {
  const isServed = async (write: Promise<unknown>) => (await failureOf(write)) === undefined;
  await untilPolled(() => isServed(publish(client, 'after', 100_000)));
  await untilPolled(() => isServed(client.users.createUser({ user: { userId: 'bob', name: 'Bob' } })));
  await untilPolled(() => server.lines.some(({ msg }) => msg === 'the disk has room again: all writes are served'));
  expect(server.errors()).toBe('');
}

describe('a full disk', () => {
  itUnless(noTmpfs, 'that events have filled lets space be freed, and is written to again afterwards', async () => {
    await using mount = await mountTmpfs(64 * MIB);
    await using server = serve(mount);
    const client = await server.connect();
    await prepare(client);
    const failure = await untilRefused(() => publish(client, 'disk', 200_000));
    expect(failure).toMatchObject({ ...diskFull, retryAfterMs: 5_000 });
    await freeAll(client);
    await client.events.trimTopic({ topic: 'disk', beforeOffset: 100n });
    await recovers(server, client);
  });

  itUnless(noTmpfs, 'that uploads have filled lets space be freed, and is written to again afterwards', async () => {
    await using mount = await mountTmpfs(64 * MIB);
    await using server = serve(mount);
    const client = await server.connect();
    await prepare(client);
    const content = randomBytes(80 * MIB);
    const failure = await failureOf(sendFrames(client, [startFrame('big'), ...chunkFrames(content, { size: MIB })]));
    expect(failure).toMatchObject(diskFull);
    await freeAll(client);
    await client.uploads.cancelUpload({ uploadId: 'big' });
    await recovers(server, client);
  });

  itUnless(
    noTmpfs,
    'is not reached by an upload that is admitted with all that is available: it is completed',
    async () => {
      await using mount = await mountTmpfs(64 * MIB);
      await using server = serve(mount);
      const client = await server.connect();
      const announce = (size: bigint) => sendFrames(client, [startFrame('file', { size })]);
      const refused = await failureOf(announce(BigInt(64 * MIB)));
      expect(refused).toMatchObject(diskFull);
      const size = Number(refused?.metadata.available_bytes);
      const content = randomBytes(size);
      const frames = [startFrame('file', { size: BigInt(size) }), ...chunkFrames(content, { size: MIB })];
      expect(await sendFrames(client, [...frames, finishFrame(content)])).toMatchObject({
        blob: { size: BigInt(size) },
      });
    },
  );

  itUnless(noTmpfs, 'does not keep the service from starting, whatever filled it', async () => {
    await using mount = await mountTmpfs(64 * MIB);
    {
      await using server = serve(mount);
      const client = await server.connect();
      await prepare(client);
      await untilRefused(() => publish(client, 'disk', 200_000));
      mount.fill();
      expect(await failureOf(publish(client, 'disk', 10))).toMatchObject(diskFull);
      expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    }
    mount.fill('more');
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
      await using server = serve(mount);
      const client = await server.connect();
      expect((await client.events.getTopic({ topic: 'trimmed' })).topic?.headOffset).toBe(8n);
      // Starting may have made a little room, by writing the WAL back.
      expect(await untilRefused(() => publish(client, 'disk', 200_000))).toMatchObject(diskFull);
      mount.fill(signal);
      await server.kill(signal);
    }
    await using server = serve(mount);
    const client = await server.connect();
    await freeAll(client);
    const { topic } = await client.events.getTopic({ topic: 'disk' });
    await client.events.trimTopic({ topic: 'disk', beforeOffset: topic?.headOffset });
    await recovers(server, client);
  });
});

import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect } from '@jest/globals';
import Database from 'better-sqlite3';
import type { LeatClient } from '../../src/client/index.js';
import { openExclusively, shareDatabase } from '../../src/store/sqlite/exclusive-reader.js';
import { openForWriting } from '../../src/store/sqlite/schema.js';
import { readCallError } from '../support/call-error.js';
import { type ChildServer, spawnServer } from '../support/child-server.js';
import { itUnless } from '../support/it-unless.js';
import { follow, offsetsOf, pagesOf } from '../support/log-of.js';
import { type Mount, mountTmpfs, whyNoMount } from '../support/mounts.js';
import { untilPolled } from '../support/until.js';
import { chunkFrames, downloadAll, finishFrame, sendFrames, startFrame } from '../support/uploads.js';

const MIB = 1024 * 1024;
const noTmpfs = await whyNoMount(() => mountTmpfs(MIB));

const content = randomBytes(MIB);
const serve = (mount: Mount) => spawnServer({ 'data-dir': mount.path, 'min-free-disk': '0B' });
const fileOf = (mount: Mount, suffix: string) => path.join(mount.path, `leat.${suffix}`);
const freeBytes = (mount: Mount) => statfsSync(mount.path).bavail * 4096;

const text = (size: number) => ({ type: 'a', payload: { $case: 'text' as const, value: '.'.repeat(size) } });
const publish = ({ events }: LeatClient, size = 100) => events.publishEvent({ topic: 'log', event: text(size) });
const startUpload = (client: LeatClient) => sendFrames(client, [startFrame('other'), ...chunkFrames(content)]);
const diskFull = { code: 8, reason: 'DISK_FULL' };

async function write(client: LeatClient): Promise<void> {
  await client.users.createUser({ user: { userId: 'ada', name: 'Ada' } });
  await sendFrames(client, [startFrame('blob'), ...chunkFrames(content), finishFrame(content)]);
  await sendFrames(client, [startFrame('upload'), ...chunkFrames(content)]);
  for (let count = 0; count < 20; count++) await publish(client, 20_000);
  await client.events.commitCursor({ topic: 'log', cursor: 'c', offset: 7n });
  await client.chat.sendMessage({ room: 'den', message: { id: 'hello' } });
}

/**
 * A data directory of a server that stopped, or (`hasWal`) was killed: then its last writes are in the WAL alone. Neither
 * the reserve nor the index of the WAL is left, and nothing is free on the disk. Returns the function that frees some.
 */
async function prepare(mount: Mount, { hasWal }: { hasWal: boolean }): Promise<() => void> {
  await using server = serve(mount);
  const client = await server.connect();
  await write(client);
  await server.kill(hasWal ? 'SIGKILL' : 'SIGTERM');
  if (!hasWal) new Database(fileOf(mount, 'db')).exec('PRAGMA user_version').close();
  for (const suffix of ['db-shm', 'reserve', 'pid', 'running']) rmSync(fileOf(mount, suffix), { force: true });
  expect(existsSync(fileOf(mount, 'db-wal'))).toBe(hasWal);
  const giveBack = mount.fill();
  expect(freeBytes(mount)).toBe(0);
  return giveBack;
}

async function readsAll(client: LeatClient): Promise<void> {
  const { users, events, uploads } = client;
  expect(await users.getUser({ key: { $case: 'userId', value: 'ada' } })).toMatchObject({ user: { name: 'Ada' } });
  expect(await events.getTopic({ topic: 'log' })).toMatchObject({ cursors: [{ cursor: 'c', offset: 7n }] });
  expect(await uploads.getUpload({ uploadId: 'upload' })).toMatchObject({ upload: { committedSize: BigInt(MIB) } });
  expect((await downloadAll(client, { blobId: 'blob' })).equals(content)).toBe(true);
  const offsets = Array.from({ length: 20 }, (_, index) => index + 1);
  expect(offsetsOf(await pagesOf(client, { topic: 'log' }))).toEqual(offsets);
  // One who follows up to a time waits for the writes that may come before it.
  const past = { $case: 'beforeTime' as const, value: { seconds: BigInt(Math.floor(Date.now() / 1000)), nanos: 0 } };
  expect(offsetsOf(await pagesOf(client, { topic: 'log', follow: true, end: past }))).not.toContain(21);
  const rooms = client.joinRooms();
  const history = rooms.join('den', { start: 'first' }).messages[Symbol.asyncIterator]();
  expect(await history.next()).toMatchObject({ value: { event: { id: 'hello' } } });
  await rooms.close();
}

async function refusesWrites(client: LeatClient): Promise<void> {
  const { blobs, events, users } = client;
  const writes: Record<string, () => Promise<unknown>> = {
    publish: () => publish(client),
    upload: () => startUpload(client),
    cursor: () => events.commitCursor({ topic: 'log', cursor: 'c', offset: 8n }),
    user: () => users.createUser({ user: { userId: 'bob', name: 'Bob' } }),
    deletion: () => blobs.deleteBlob({ blobId: 'blob' }),
    trim: () => events.trimTopic({ topic: 'log', beforeOffset: 2n }),
  };
  for (const [name, call] of Object.entries(writes)) {
    expect([name, await call().then(() => undefined, readCallError)]).toMatchObject([name, diskFull]);
  }
  const { message, retryAfterMs } = (await publish(client).then(() => undefined, readCallError)) ?? {};
  expect(message).toMatch('read-only until at least 1 MiB is free; nothing was written: free space on the disk');
  expect(retryAfterMs).toBe(5_000);
}

/** What probes and metrics say of writes; `isFull`: that they are refused. */
async function reports(server: ChildServer, isFull: boolean): Promise<boolean> {
  const { httpPort } = await server.serving;
  const get = (name: string) => fetch(`http://127.0.0.1:${httpPort}/${name}`).then((response) => response.text());
  const [ready, metrics] = await Promise.all([get('readyz'), get('metrics')]);
  const expected = isFull ? 'ready for reads: the disk is full\n' : 'ready\n';
  return ready === expected && metrics.includes(`\nleat_disk_full ${Number(isFull)}\n`);
}

const said = ({ lines }: ChildServer, message: string) => lines.filter(({ msg }) => msg === message).length;
const FULL = 'the disk is full: the service is read-only until at least 1 MiB is free on it';
const ROOM_AGAIN = 'the disk has room again: the service is no longer read-only';

async function takesWrites(server: ChildServer, client: LeatClient): Promise<void> {
  await client.events.trimTopic({ topic: 'log', beforeOffset: 2n });
  await publish(client, 100_000);
  await client.users.createUser({ user: { userId: 'bob', name: 'Bob' } });
  await startUpload(client);
  await untilPolled(() => reports(server, false));
  expect(server.errors()).toBe('');
}

describe('a start on a full disk, without reserve and index of the WAL', () => {
  const states = [
    ['after a stop', { hasWal: false }],
    ['after a kill, with writes that are in the WAL alone', { hasWal: true }],
  ] as const;

  for (const [name, state] of states) {
    itUnless(noTmpfs, `${name}, serves all reads and refuses writes until there is room`, async () => {
      await using mount = await mountTmpfs(64 * MIB);
      const giveBack = await prepare(mount, state);
      await using server = serve(mount);
      const client = await server.connect();
      await readsAll(client);
      await refusesWrites(client);
      await readsAll(client);
      expect(await reports(server, true)).toBe(true);
      expect([said(server, FULL), said(server, ROOM_AGAIN)]).toEqual([1, 0]);
      await using following = follow(client, {
        topic: 'log',
        start: { position: { $case: 'afterOffset', value: 20n } },
      });
      // It has come to the head.
      expect(offsetsOf([await following.next()])).toEqual([]);
      giveBack();
      await untilPolled(() => said(server, ROOM_AGAIN) === 1);
      await takesWrites(server, client);
      expect(offsetsOf([await following.next()])).toEqual([21]);
    });

    itUnless(noTmpfs, `${name}, is followed by an ordinary one when there is room`, async () => {
      await using mount = await mountTmpfs(64 * MIB);
      const giveBack = await prepare(mount, state);
      for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
        await using server = serve(mount);
        await readsAll(await server.connect());
        await server.kill(signal);
      }
      giveBack();
      await using server = serve(mount);
      const client = await server.connect();
      await readsAll(client);
      await takesWrites(server, client);
      expect(said(server, FULL)).toBe(0);
    });
  }

  itUnless(noTmpfs, 'serves deletions as well if writing the WAL back makes room', async () => {
    await using mount = await mountTmpfs(64 * MIB);
    (await prepare(mount, { hasWal: false }))();
    overwriteInWal(fileOf(mount, 'db'), 2 * MIB);
    mount.fill();
    await using server = serve(mount);
    const client = await server.connect();
    await readsAll(client);
    await client.events.trimTopic({ topic: 'log', beforeOffset: 2n });
    await client.blobs.deleteBlob({ blobId: 'blob' });
    await untilPolled(() => reports(server, true));
    expect(said(server, FULL)).toBe(0);
  });

  itUnless(noTmpfs, 'takes writes as soon as files that belong to nothing are removed', async () => {
    await using mount = await mountTmpfs(64 * MIB);
    (await prepare(mount, { hasWal: false }))();
    writeFileSync(path.join(mount.path, 'files', 'orphan'), Buffer.alloc(2 * MIB));
    mount.fill();
    await using server = serve(mount);
    const client = await server.connect();
    await untilPolled(() => said(server, ROOM_AGAIN) === 1);
    await client.blobs.deleteBlob({ blobId: 'blob' });
  });

  itUnless(noTmpfs, 'is refused, and says why, if no file can be made', async () => {
    await using mount = await mountTmpfs(64 * MIB);
    await prepare(mount, { hasWal: false });
    const { files, ffree } = statfsSync(mount.path);
    mount.remount(`nr_inodes=${files - ffree}`);
    await using server = serve(mount);
    await expect(server.exited).resolves.toEqual({ code: 1, signal: null });
    expect(server.lines.at(-1)).toMatchObject({ reason: 'DATA_DIR_FULL' });
  });

  itUnless(noTmpfs, 'is refused, and says why, if the store is to be created or renewed', async () => {
    await using mount = await mountTmpfs(64 * MIB);
    const giveBack = await prepare(mount, { hasWal: false });
    await using renewed = spawnServer({ 'data-dir': mount.path, 'new-epoch': true });
    await expect(renewed.exited).resolves.toEqual({ code: 1, signal: null });
    expect(renewed.lines.at(-1)).toMatchObject({ reason: 'DATA_DIR_FULL' });
    for (const suffix of ['db', 'db-wal', 'db-shm']) rmSync(fileOf(mount, suffix), { force: true });
    rmSync(path.join(mount.path, 'files'), { recursive: true });
    giveBack();
    mount.fill();
    await using created = serve(mount);
    await expect(created.exited).resolves.toEqual({ code: 1, signal: null });
    expect(created.lines.at(-1)).toMatchObject({ reason: 'DATA_DIR_FULL' });
  });
});

/** Leaves a WAL of about so many bytes that overwrites pages which the database has, as after a kill. */
function overwriteInWal(file: string, size: number): void {
  const db = openForWriting(file);
  db.prepare('INSERT INTO meta VALUES (?, hex(randomblob(?)))').run('test', size / 2);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.prepare('UPDATE meta SET value = hex(randomblob(?)) WHERE key = ?').run(size / 2, 'test');
  for (const name of [file, `${file}-wal`]) copyFileSync(name, `${name}-copy`);
  db.close();
  for (const name of [file, `${file}-wal`]) renameSync(`${name}-copy`, name);
}

function isLocked(file: string): boolean {
  const db = new Database(file, { timeout: 0 });
  try {
    db.pragma('user_version');
    return false;
  } catch (error) {
    return (error as { code?: string }).code === 'SQLITE_BUSY';
  } finally {
    db.close();
  }
}

describe('a database that is open for one connection alone', () => {
  itUnless(noTmpfs, 'is shared once there is room, and read meanwhile, however much of it there is', async () => {
    await using mount = await mountTmpfs(64 * MIB);
    await prepare(mount, { hasWal: true });
    const file = fileOf(mount, 'db');
    const filler = path.join(mount.path, 'filler');
    const { db } = openExclusively(file, {});
    const heads = db.prepare("SELECT head_offset FROM topics WHERE name = 'log'").pluck();
    let kib = 0;
    for (; ; kib += 64) {
      truncateSync(filler, statSync(filler).size - 64 * 1024);
      const isShared = shareDatabase(db);
      expect([kib, heads.get()]).toEqual([kib, 20]);
      expect(() => db.exec('DELETE FROM topics')).toThrow('readonly');
      if (isShared) break;
      expect(isLocked(file)).toBe(true);
    }
    expect(kib).toBeGreaterThan(64);
    const other = openForWriting(file);
    other.exec("UPDATE topics SET head_offset = 21 WHERE name = 'log'");
    expect(heads.get()).toBe(21);
    other.close();
    db.close();
  });
});

import { copyFile, open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from '@jest/globals';
import type { EventRecord } from '../../gen/leat/v1/event.js';
import type { LeatClient } from '../../src/client/index.js';
import { readCallError } from '../support/call-error.js';
import { spawnServer, type ChildServer } from '../support/child-server.js';
import { makeTempDir } from '../support/temp-dir.js';

const text = (value: string) => ({ type: 'fault', payload: { $case: 'text' as const, value } });

async function publish({ events }: LeatClient, topic: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await events.publishEvent({ topic, event: text(`${topic} ${index}`) });
}

async function read({ events }: LeatClient, topic: string, after = 0n): Promise<EventRecord[]> {
  const records: EventRecord[] = [];
  const start = { position: { $case: 'afterOffset' as const, value: after } };
  for await (const page of events.listEvents({ topic, start })) records.push(...page.records);
  return records;
}

/** What a server that cannot start says last, for people. */
async function refusalOf(server: ChildServer): Promise<unknown> {
  await expect(server.exited).resolves.toEqual({ code: 1, signal: null });
  expect(server.errors()).toBe('');
  return server.lines.at(-1)?.msg;
}

/** A data directory in which a server has written, at rest; `change` may then do to the database what it likes. */
async function prepareStore(dataDir: string, change: (db: Database.Database) => void): Promise<void> {
  await using server = spawnServer({ 'data-dir': dataDir });
  const client = await server.connect();
  await publish(client, 'damaged', 5);
  await publish(client, 'whole', 5);
  await server.kill('SIGTERM');
  const db = new Database(path.join(dataDir, 'leat.db'));
  change(db);
  db.close();
}

describe('a server that cannot use its data directory', () => {
  it('says that another server has it, which goes on', async () => {
    await using dir = await makeTempDir();
    await using first = spawnServer({ 'data-dir': dir.path });
    const client = await first.connect();
    await using second = spawnServer({ 'data-dir': dir.path });
    expect(await refusalOf(second)).toMatch(`another server (pid ${first.pid}) uses ${dir.path}`);
    await publish(client, 'goes-on', 1);
    expect(await read(client, 'goes-on')).toHaveLength(1);
  });

  it('says so if a newer version wrote it, and leaves it as it is', async () => {
    await using dir = await makeTempDir();
    await prepareStore(dir.path, (db) => db.pragma('user_version = 99'));
    await using server = spawnServer({ 'data-dir': dir.path });
    expect(await refusalOf(server)).toMatch(/written by a newer Leat \(store version 99/);
    const db = new Database(path.join(dir.path, 'leat.db'));
    expect(db.pragma('user_version', { simple: true })).toBe(99);
    db.close();
  });

  it('refuses a database of another program, and leaves it as it is', async () => {
    await using dir = await makeTempDir();
    const db = new Database(path.join(dir.path, 'leat.db'));
    db.exec('CREATE TABLE theirs (value TEXT)');
    await using server = spawnServer({ 'data-dir': dir.path });
    expect(await refusalOf(server)).toMatch(/leat\.db is not a database of Leat/);
    expect(db.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['theirs']);
    expect(db.pragma('journal_mode', { simple: true })).toBe('delete');
    db.close();
  });

  it('refuses a file that is no database', async () => {
    await using dir = await makeTempDir();
    await writeFile(path.join(dir.path, 'leat.db'), 'not a database '.repeat(5_000));
    await using server = spawnServer({ 'data-dir': dir.path });
    expect(await refusalOf(server)).toMatch(`${path.join(dir.path, 'leat.db')} is not a database of Leat`);
  });

  it('says which directory cannot be made', async () => {
    await using dir = await makeTempDir();
    const file = path.join(dir.path, 'file');
    await writeFile(file, '');
    await using server = spawnServer({ 'data-dir': path.join(file, 'data') });
    expect(await refusalOf(server)).toMatch(`the data directory ${path.join(file, 'data')} cannot be used`);
  });
});

describe('a flipped bit in a segment', () => {
  it('is DATA_LOSS that names topic and offsets; everything else goes on', async () => {
    await using dir = await makeTempDir();
    await prepareStore(dir.path, (db) => {
      const flip = db.prepare<[Buffer, number]>('UPDATE segments SET records = ? WHERE position = ?');
      const row = db
        .prepare<[], { position: number; records: Buffer }>(
          `SELECT position, records FROM segments JOIN topics ON topic_id = position >> 40
           WHERE name = 'damaged' AND position & 0xff = 3`,
        )
        .get();
      if (row === undefined) throw new Error('there is no such segment');
      row.records.writeUInt8(row.records.readUInt8(20) ^ 4, 20);
      flip.run(row.records, row.position);
    });
    await using server = spawnServer({ 'data-dir': dir.path });
    const client = await server.connect();
    const failure = readCallError(await read(client, 'damaged').catch((error: unknown) => error));
    expect(failure).toMatchObject({
      code: 15,
      reason: 'CHECKSUM_MISMATCH',
      metadata: { topic: 'damaged', first_offset: '3', last_offset: '3' },
    });
    expect(failure?.retryAfterMs).toBeUndefined();
    expect(await read(client, 'damaged', 3n)).toHaveLength(2);
    expect(await read(client, 'whole')).toHaveLength(5);
    await publish(client, 'damaged', 1);
    expect(await read(client, 'damaged', 3n)).toHaveLength(3);
  });

  it('delivers what is before it', async () => {
    await using dir = await makeTempDir();
    await prepareStore(dir.path, (db) =>
      db.exec(`UPDATE segments SET checksum = checksum + 1
               WHERE position & 0xff = 3 AND position >> 40 = (SELECT topic_id FROM topics WHERE name = 'damaged')`),
    );
    await using server = spawnServer({ 'data-dir': dir.path });
    const { events } = await server.connect();
    const pages = events.listEvents({ topic: 'damaged' })[Symbol.asyncIterator]();
    const first = await pages.next();
    expect(first.done ? [] : first.value.records.map(({ offset }) => offset)).toEqual([1n, 2n]);
    await expect(pages.next()).rejects.toMatchObject({ code: 15 });
  });
});

describe('a writer that dies', () => {
  it('answers what was under way with OUTCOME_UNKNOWN, and ends the process', async () => {
    await using dir = await makeTempDir();
    await using server = spawnServer({ 'data-dir': dir.path });
    const client = await server.connect();
    await publish(client, 'dying', 3);
    const file = path.join(dir.path, 'leat.db');
    await overwritePages(file);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        client.events.publishEvent({ topic: `new/${index}`, event: text('?') }).catch(readCallError),
      ),
    );
    expect(answers).toEqual(answers.map(() => expect.objectContaining({ code: 14, reason: 'OUTCOME_UNKNOWN' })));
    await expect(server.exited).resolves.toEqual({ code: 1, signal: null });
    expect(server.errors()).toBe('');
    expect(server.lines.at(-1)?.msg).toMatch('the store is lost');
    await copyFile(`${file}.good`, file);
    await using again = spawnServer({ 'data-dir': dir.path });
    expect(await read(await again.connect(), 'dying')).toHaveLength(3);
  });
});

/** Damages every page but the first below a running server, and keeps what was there as `FILE.good`. */
async function overwritePages(file: string): Promise<void> {
  const db = new Database(file);
  // Moves everything into the file, and lets the server's connections forget what they know of it.
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  await copyFile(file, `${file}.good`);
  const handle = await open(file, 'r+');
  const { size } = await handle.stat();
  await handle.write(Buffer.alloc(size - 16_384, 0xa5), 0, size - 16_384, 16_384);
  await handle.close();
}

import { randomUUID } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { encodedEvents, sampleRun } from '../load/events.js';
import { openDatabase } from '../peers/open-database.js';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface AppenderOptions {
  readonly kind: keyof typeof kinds;
  readonly dataDir: string;
}

export interface AppendOrder {
  readonly eventsPerCommit: number;
  readonly seconds: number;
}

/** Appends for some time, every commit on disk before it counts, and answers how many events a second that were. */
type Append = (order: AppendOrder) => Promise<number>;

const kinds = { leat: appendToStore, bare: appendToFile, rows: insertRows };

/** One after the other: of writes that are under way together the store would make one commit. */
async function appendToStore(dataDir: string): Promise<Append> {
  const store = await openSqliteStore({ dataDir });
  const nextSequences = new Map<string, number>();
  return async ({ eventsPerCommit, seconds }) => {
    const events = sampleRun(eventsPerCommit);
    const topic = `bench/append-${eventsPerCommit}`;
    let nextSequence = nextSequences.get(topic) ?? 1;
    const rate = await rateOf(eventsPerCommit, seconds, async (isOver) => {
      let commits = 0;
      for (; !isOver(); commits++) {
        const producer = { producerId: 'bench', firstSequence: nextSequence };
        await store.write([{ kind: 'append-events', topic, author: '', events, producer }]);
        nextSequence += eventsPerCommit;
      }
      return commits;
    });
    nextSequences.set(topic, nextSequence);
    return rate;
  };
}

/** The least that durability costs: the same bytes at the end of a file, and fdatasync. */
async function appendToFile(dataDir: string): Promise<Append> {
  return async ({ eventsPerCommit, seconds }) => {
    const { bytes } = sampleRun(eventsPerCommit);
    const file = openSync(path.join(dataDir, `${eventsPerCommit}.log`), 'a');
    try {
      return await rateOf(eventsPerCommit, seconds, (isOver) => {
        let commits = 0;
        for (; !isOver(); commits++) {
          writeSync(file, bytes);
          fdatasyncSync(file);
        }
        return commits;
      });
    } finally {
      closeSync(file);
    }
  };
}

/** What one writes first: a row for each event, and a random key that makes a retry harmless. */
async function insertRows(dataDir: string): Promise<Append> {
  const db = openDatabase(dataDir);
  return async ({ eventsPerCommit, seconds }) => {
    const table = `events_${eventsPerCommit}`;
    db.exec(`CREATE TABLE IF NOT EXISTS ${table} (
      event_offset INTEGER PRIMARY KEY,
      event_id TEXT NOT NULL UNIQUE,
      event BLOB NOT NULL
    )`);
    const insert = db.prepare<[string, Uint8Array]>(`INSERT INTO ${table} (event_id, event) VALUES (?, ?)`);
    const events = encodedEvents(eventsPerCommit);
    const commit = db.transaction(() => {
      for (const event of events) insert.run(randomUUID(), event);
    });
    return rateOf(eventsPerCommit, seconds, (isOver) => {
      let commits = 0;
      for (; !isOver(); commits++) commit();
      return commits;
    });
  };
}

async function rateOf(
  eventsPerCommit: number,
  seconds: number,
  run: (isOver: () => boolean) => number | Promise<number>,
): Promise<number> {
  const startedAt = performance.now();
  const commits = await run(() => performance.now() - startedAt >= seconds * 1000);
  return (commits * eventsPerCommit * 1000) / (performance.now() - startedAt);
}

const { kind, dataDir } = roleOptions<AppenderOptions>();
const append = await kinds[kind](dataDir);
const commands = { append };

export type AppenderRole = typeof commands;

playRole(commands);

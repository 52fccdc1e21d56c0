import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventRecord } from '../../gen/leat/v1/event.js';
import type { User } from '../../gen/leat/v1/user_service.js';
import type { LeatClient } from '../../src/client/index.js';
import { spawnServer, type ChildServer } from '../support/child-server.js';
import { inForm } from '../support/long-form.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';
import {
  anonymous,
  conditionalWorker,
  eventOf,
  producerWorker,
  runUntilGone,
  streamWorker,
  unaryWorker,
  userWorker,
  type Ledger,
  type UserLedger,
  type Worker,
} from './kill-load.js';

/** How often the server is killed. The longer form: `LEAT_KILL_ROUNDS=500 npm test -- robustness/kill`. */
const ROUNDS = Number(process.env.LEAT_KILL_ROUNDS ?? inForm(8, 20));
/** A round is cut after at most so many requests and answers. */
const MOMENTS = 400;

/** Everything that was ever acknowledged, by all rounds. */
const ledger: Ledger = new Map();
const users: UserLedger = new Map();
const workers: readonly Worker[] = [
  ...several(8, (index) => unaryWorker(ledger, `u${index}`)),
  ...several(4, (index) => streamWorker(ledger, `s${index}`)),
  ...several(3, (index) => producerWorker(ledger, `p${index}`)),
  ...several(3, (index) => userWorker(users, `k${index}`)),
  conditionalWorker(ledger),
];

function several(count: number, make: (index: number) => Worker): Worker[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Loads the server and kills it at some request or answer, some turns of the event loop later. */
async function killUnderLoad(dataDir: string): Promise<void> {
  await using server = spawnServer({ 'data-dir': dataDir, 'log-level': 'info' });
  const client = await server.connect();
  let momentsLeft = Math.ceil(Math.random() * MOMENTS);
  const onStep = () => {
    if (--momentsLeft === 0) afterTurns(Math.floor(Math.random() * 20), () => process.kill(server.pid, 'SIGKILL'));
  };
  await Promise.all(workers.map((worker) => runUntilGone(worker, client, onStep)));
  expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
}

function afterTurns(turns: number, act: () => void): void {
  if (turns === 0) act();
  else setImmediate(() => afterTurns(turns - 1, act));
}

async function readAll({ events }: LeatClient, topic: string): Promise<EventRecord[]> {
  const records: EventRecord[] = [];
  for await (const page of events.listEvents({ topic })) records.push(...page.records);
  return records;
}

/** How the ledger calls an event. */
function keyOf({ event }: EventRecord): string {
  return (event?.id === '' ? event.subject : event?.id) ?? '';
}

/** What was sent under this name. */
function sentAs(key: string): object {
  const [producer = '', sequence] = key.split('/');
  return sequence === undefined ? eventOf(key, Number(key.split('-')[1])) : anonymous(producer, Number(sequence));
}

/** Whether the event is another one than was sent. */
function differs(record: EventRecord): boolean {
  const { id, type, subject, payload } = record.event ?? {};
  return !isDeepStrictEqual({ id, type, subject, payload }, sentAs(keyOf(record)));
}

async function readUsers({ users }: LeatClient): Promise<User[]> {
  const all: User[] = [];
  let pageToken = '';
  do {
    const page = await users.listUsers({ pageSize: 1_000, pageToken });
    all.push(...page.users);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return all;
}

/** What the log says the users are. */
function foldUsers(records: readonly EventRecord[]): Map<string, { name: string; etag: string }> {
  const folded = new Map<string, { name: string; etag: string }>();
  for (const { offset, event } of records) {
    const text = event?.payload?.$case === 'text' ? event.payload.value : '{}';
    const { userId, name } = JSON.parse(text) as { userId: string; name: string };
    if (event?.type === 'user.deleted') folded.delete(userId);
    else folded.set(userId, { name, etag: `${offset}` });
  }
  return folded;
}

describe('kill -9 at random moments under load', () => {
  let dir: TempDir;
  let server: ChildServer;
  let client: LeatClient;

  beforeAll(
    async () => {
      dir = await makeTempDir();
      for (let round = 0; round < ROUNDS; round++) await killUnderLoad(dir.path);
      server = spawnServer({ 'data-dir': dir.path });
      client = await server.connect();
      // What was under way at the last kill is sent again, and so has to come out.
      await Promise.all(workers.map((worker) => worker.step(client)));
    },
    60_000 + ROUNDS * 3_000,
  );

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await dir?.[Symbol.asyncDispose]();
  });

  it.each(['kill/unary', 'kill/streams', 'kill/producers', 'kill/conditional'])(
    'leaves every acknowledged event of %s there once, at its offset, as it was sent',
    async (topic) => {
      const records = await readAll(client, topic);
      expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => BigInt(index + 1)));
      const offsets = new Map(records.map((record) => [keyOf(record), record.offset]));
      expect(offsets.size).toBe(records.length);
      // What an expectation costs is too much for thousands of events: only those that differ are compared.
      const isLost = ([key, offset]: readonly [string, bigint | undefined]) =>
        offset === undefined ? !offsets.has(key) : offsets.get(key) !== offset;
      expect([...(ledger.get(topic) ?? [])].filter(isLost)).toEqual([]);
      for (const record of records.filter(differs)) expect(record.event).toMatchObject(sentAs(keyOf(record)));
      expect(ledger.get(topic)?.size).toBeGreaterThan(0);
    },
  );

  it.each(['kill/streams', 'kill/producers'])('keeps the order in which each writer of %s sent', async (topic) => {
    const last = new Map<string, number>();
    const gaps: string[] = [];
    for (const record of await readAll(client, topic)) {
      const [writer = '', serial] = keyOf(record).split(/[-/]/);
      if (Number(serial) !== (last.get(writer) ?? 0) + 1) gaps.push(`${keyOf(record)} after ${last.get(writer)}`);
      last.set(writer, Number(serial));
    }
    expect(gaps).toEqual([]);
  });

  it('answers ids that it has as duplicates', async () => {
    for (const topic of ['kill/unary', 'kill/conditional']) {
      for (const [id, offset] of [...(ledger.get(topic) ?? [])].slice(-50)) {
        const event = eventOf(id, Number(id.split('-')[1]));
        expect(await client.events.publishEvent({ topic, event })).toMatchObject({ offset, duplicate: true });
      }
    }
  });

  it('goes on with the sequences of producers, and refuses to begin them again', async () => {
    const topic = 'kill/producers';
    const { lastSequence } = await client.events.getProducer({ topic, producerId: 'p0' });
    const batch = (sequence: bigint, subject: string) =>
      (async function* () {
        const producer = { producerId: 'p0', firstSequence: sequence };
        yield { topic, events: [{ ...anonymous('p0', Number(sequence)), subject }], producer };
      })();
    await expect(client.events.publishEvents(batch(1n, 'other'))).rejects.toMatchObject({ code: 6 });
    await expect(client.events.publishEvents(batch(lastSequence + 2n, 'gap'))).rejects.toMatchObject({ code: 10 });
    const next = client.events.publishEvents(batch(lastSequence + 1n, `p0/${lastSequence + 1n}`));
    expect(await next).toMatchObject({ accepted: 1n, duplicates: 0n });
  });

  it('leaves users as the log tells them, and as they were acknowledged', async () => {
    const listed = await readUsers(client);
    const folded = foldUsers(await readAll(client, 'sys/users'));
    expect(new Map(listed.map(({ userId, name, etag }) => [userId, { name, etag }]))).toEqual(
      new Map([...folded].sort(([a], [b]) => (a < b ? -1 : 1))),
    );
    for (const [userId, name] of users) expect([userId, folded.get(userId)?.name]).toEqual([userId, name]);
    expect(users.size).toBeGreaterThan(0);
  });
});

describe('kill -9 at rest', () => {
  it('starts again with what was there', async () => {
    await using dir = await makeTempDir();
    await using server = spawnServer({ 'data-dir': dir.path });
    const topic = 'rest';
    const { events } = await server.connect();
    await events.publishEvent({ topic, event: eventOf('r-1', 1) });
    const before = await events.getTopic({ topic });
    await server.kill('SIGKILL');
    await using again = spawnServer({ 'data-dir': dir.path });
    expect(await (await again.connect()).events.getTopic({ topic })).toEqual(before);
  });
});

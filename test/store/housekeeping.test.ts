import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, it } from '@jest/globals';
import { Event } from '../../gen/leat/v1/event.js';
import { encodeEventRun } from '../../src/store/encoding/event-run.js';
import { createHousekeeping } from '../../src/store/sqlite/housekeeping.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { openForWriting } from '../../src/store/sqlite/schema.js';
import { createTransactions } from '../../src/store/sqlite/transactions.js';
import type { SetRetention, Store } from '../../src/store/store.js';
import { makeTempDir } from '../support/temp-dir.js';
import { until } from '../support/until.js';

const TOPIC = 'kept';

/** One segment of `count` events with ids and 100 bytes each. */
async function append(store: Store, serial: number, count: number, producer = false): Promise<void> {
  const encoded = Array.from({ length: count }, (_, index) =>
    Event.encode(Event.fromPartial({ id: producer ? '' : `${serial}-${index}`, type: 't', subject: 's'.repeat(100) })),
  );
  const events = encodeEventRun(encoded.map((writer) => writer.finish()));
  const position = producer ? { producerId: 'p', firstSequence: 1 } : undefined;
  await store.write([{ kind: 'append-events', topic: TOPIC, author: 'a', events, producer: position }]);
}

/** A store with 50 segments of 10 events, and a second look at its rows. */
async function openFilled() {
  const dir = await makeTempDir();
  const store = await openSqliteStore({ dataDir: dir.path, housekeepingMs: 5 });
  await append(store, -1, 10, true);
  for (let serial = 0; serial < 49; serial++) await append(store, serial, 10);
  const db = new Database(path.join(dir.path, 'leat.db'), { readonly: true });
  const count = (table: string) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
  return {
    store,
    rows: () => [count('segments'), count('event_ids'), count('producers'), count('producer_runs')],
    first: async () => (await store.topic(TOPIC))?.firstOffset,
    async [Symbol.asyncDispose]() {
      db.close();
      await store.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

describe('housekeeping', () => {
  const bounds: readonly [string, Partial<SetRetention>, number, number[]][] = [
    ['age', { maxAgeMs: 1 }, 501, [0, 0, 0, 0]],
    ['bytes', { maxBytes: 3_000 }, 481, [2, 20, 0, 0]],
    ['count', { maxEvents: 25 }, 471, [3, 30, 0, 0]],
  ];

  it.each(bounds)('applies retention by %s, and frees rows, ids and producers', async (_, bound, first, rows) => {
    await using filled = await openFilled();
    expect(filled.rows()).toEqual([50, 490, 1, 1]);
    await filled.store.write([{ kind: 'set-retention', topic: TOPIC, ...bound }]);
    await until(async () => (await filled.first()) === first && filled.rows()[2] === 0);
    expect(filled.rows()).toEqual(rows);
    const { storedBytes, headOffset } = (await filled.store.topic(TOPIC)) ?? {};
    expect(headOffset).toBe(500);
    expect(storedBytes).toBeLessThanOrEqual(bound.maxBytes ?? Infinity);
    if (first === 501) expect(storedBytes).toBe(0);
  });

  it('keeps what bounds allow', async () => {
    await using filled = await openFilled();
    const keeping = { maxAgeMs: 1e9, maxBytes: 1e9, maxEvents: 1e9 };
    await filled.store.write([{ kind: 'set-retention', topic: TOPIC, ...keeping }]);
    // A second topic is looked at after the first, so when it was swept, the first was too.
    const other = encodeEventRun([Event.encode(Event.fromPartial({ type: 't' })).finish()]);
    await filled.store.write([{ kind: 'append-events', topic: 'later', author: '', events: other }]);
    await filled.store.write([{ kind: 'trim-topic', topic: 'later', firstOffset: 2 }]);
    await until(() => filled.rows()[0] === 50);
    expect(filled.rows()).toEqual([50, 490, 1, 1]);
    expect(await filled.first()).toBe(1);
  });

  it('frees what was trimmed, up to the segment that is still needed', async () => {
    await using filled = await openFilled();
    await filled.store.write([{ kind: 'trim-topic', topic: TOPIC, firstOffset: 496 }]);
    expect(await filled.first()).toBe(496);
    await until(() => filled.rows()[0] === 1 && filled.rows()[2] === 0);
    expect(filled.rows()).toEqual([1, 10, 0, 0]);
    // The ids of what was trimmed are free again.
    await append(filled.store, 0, 10);
    expect((await filled.store.topic(TOPIC))?.headOffset).toBe(510);
  });

  it('forgets a producer that is kept when it has been idle for too long, and no event of it is kept', async () => {
    await using dir = await makeTempDir();
    const store = await openSqliteStore({ dataDir: dir.path, housekeepingMs: 1e9 });
    const events = encodeEventRun([Event.encode(Event.fromPartial({ type: 't' })).finish()]);
    const publish = (topic: string, producerId: string, keep: boolean) =>
      store.write([
        {
          kind: 'append-events',
          topic,
          author: '',
          events,
          producer: { producerId, firstSequence: 1, keep },
        },
      ]);
    for (const topic of ['all', 'half', 'none']) {
      await publish(topic, 'random', false);
      await publish(topic, 'named', true);
    }
    await store.write([{ kind: 'trim-topic', topic: 'all', firstOffset: 3 }]);
    await store.write([{ kind: 'trim-topic', topic: 'half', firstOffset: 2 }]);
    await store.close();
    const db = openForWriting(path.join(dir.path, 'leat.db'));
    const { step } = createHousekeeping(db, createTransactions(db), { producerMaxIdleMs: 1e9 });
    const producers = () =>
      db
        .prepare("SELECT name || ' ' || producer_id FROM producers JOIN topics USING (topic_id) ORDER BY 1")
        .pluck()
        .all();
    const sweepAt = (nowMs: number) => {
      while (step(nowMs));
      return producers();
    };
    const [half, none] = [['half named'], ['none named', 'none random']];
    expect(sweepAt(Date.now())).toEqual(['all named', ...half, ...none]);
    expect(sweepAt(Date.now() + 0.9e9)).toEqual(['all named', ...half, ...none]);
    expect(sweepAt(Date.now() + 1.1e9)).toEqual([...half, ...none]);
    db.close();
  });

  it('works in steps, between which others commit', async () => {
    await using dir = await makeTempDir();
    const store = await openSqliteStore({ dataDir: dir.path, housekeepingMs: 1e9 });
    for (let serial = 0; serial < 50; serial++) await append(store, serial, 10);
    await store.write([{ kind: 'trim-topic', topic: TOPIC, firstOffset: 501 }]);
    await store.close();
    const db = openForWriting(path.join(dir.path, 'leat.db'));
    const { step } = createHousekeeping(db, createTransactions(db));
    const segments = () => db.prepare('SELECT count(*) FROM segments').pluck().get() as number;
    const left = [segments()];
    while (step(Date.now())) {
      left.push(segments());
      await nextTurn();
    }
    db.close();
    expect(left.slice(0, 5)).toEqual([50, 34, 18, 2, 0]);
  });
});

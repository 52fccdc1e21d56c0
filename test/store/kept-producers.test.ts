import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { openForWriting } from '../../src/store/sqlite/schema.js';
import type { Store } from '../../src/store/store.js';
import { refusalOf, until } from '../store-suite/conditions.js';
import { append, text } from '../store-suite/events.js';
import { makeTempDir } from '../support/temp-dir.js';

const TOPIC = 't';

const publish = (store: Store, values: readonly string[]) =>
  append(
    store,
    TOPIC,
    values.map((value) => text(value)),
    {
      producer: { producerId: 'p', firstSequence: 1, keep: true },
    },
  );

async function trimAll(store: Store): Promise<void> {
  const head = (await store.topic(TOPIC))?.headOffset ?? 0;
  await store.write([{ kind: 'trim-topic', topic: TOPIC, firstOffset: head + 1 }]);
  await until(async () => (await store.topic(TOPIC))?.storedBytes === 0);
}

/** Opens a store that version 2 wrote, with three events of a producer; such a store knew none that are kept. */
async function openUpgraded(dataDir: string): Promise<Store> {
  const store = await openSqliteStore({ dataDir, housekeepingMs: 20 });
  await publish(store, ['1', '2', '3']);
  await store.close();
  const db = openForWriting(path.join(dataDir, 'leat.db'));
  for (const column of ['keep', 'last_time', 'last_digest']) db.exec(`ALTER TABLE producers DROP COLUMN ${column}`);
  db.exec('ALTER TABLE topics DROP COLUMN producers_after');
  db.pragma('user_version = 2');
  db.close();
  return openSqliteStore({ dataDir, housekeepingMs: 20 });
}

describe('a producer of a store that an older version wrote', () => {
  it('is kept with the comparison of its last event when that is sent again before the trim', async () => {
    await using dir = await makeTempDir();
    const store = await openUpgraded(dir.path);
    expect(await publish(store, ['1', '2', '3'])).toMatchObject({ accepted: 0, duplicates: 3 });
    await trimAll(store);
    expect(await publish(store, ['1', '2', '3'])).toMatchObject({ accepted: 0, duplicates: 3 });
    expect((await refusalOf(publish(store, ['1', '2', 'other']))).is).toBe('exists SEQUENCE_REUSED');
    await store.close();
  });

  it('appends nothing a second time when its events are trimmed first', async () => {
    await using dir = await makeTempDir();
    const store = await openUpgraded(dir.path);
    await trimAll(store);
    expect((await refusalOf(publish(store, ['1', '2', '3']))).is).toBe('exists SEQUENCE_REUSED');
    expect((await store.topic(TOPIC))?.headOffset).toBe(3);
    await store.close();
  });
});

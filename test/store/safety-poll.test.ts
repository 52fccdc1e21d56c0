import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from '@jest/globals';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import { startSafetyPoll } from '../../src/store/sqlite/safety-poll.js';
import { openForReading } from '../../src/store/sqlite/schema.js';
import { createWakes } from '../../src/store/sqlite/wakes.js';
import { makeTempDir } from '../support/temp-dir.js';
import { appendEvents } from '../support/topic-events.js';
import { until } from '../support/until.js';

/** A store whose wake-ups are all lost, and wakes that hear of it by polling alone. */
async function openPolled() {
  const dir = await makeTempDir();
  const store = await openSqliteStore({ dataDir: dir.path });
  await appendEvents(store, 'grows', 1);
  await appendEvents(store, 'rests', 1);
  const file = path.join(dir.path, 'leat.db');
  const db = openForReading(file);
  const wakes = createWakes();
  let looks = 0;
  const warnings: string[] = [];
  const fatal: unknown[] = [];
  const counted = {
    ...wakes,
    topics: () => {
      looks++;
      return wakes.topics();
    },
  };
  const stop = startSafetyPoll(db, counted, {
    intervalMs: 5,
    warn: (_values, message) => warnings.push(message),
    onFatal: (error) => fatal.push(error),
  });
  return {
    store,
    file,
    wakes,
    warnings,
    fatal,
    /** How often the poll looked at heads. */
    looks: () => looks,
    /** Resolves at the next wake-up. */
    woken: (topic: string) =>
      new Promise<void>((resolve) => {
        const end = wakes.on(topic, () => {
          end();
          resolve();
        });
      }),
    async [Symbol.asyncDispose]() {
      stop();
      db.close();
      await store.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

describe('the safety poll', () => {
  it('makes up for a wake-up that was lost', async () => {
    await using polled = await openPolled();
    await polled.woken('grows');
    const again = polled.woken('grows');
    await appendEvents(polled.store, 'grows', 1);
    await again;
  });

  it('wakes only the topics that grew', async () => {
    await using polled = await openPolled();
    let wakeUps = 0;
    polled.wakes.on('rests', () => wakeUps++);
    await polled.woken('grows');
    const before = wakeUps;
    for (let round = 0; round < 5; round++) {
      const again = polled.woken('grows');
      await appendEvents(polled.store, 'grows', 1);
      await again;
    }
    expect([before, wakeUps]).toEqual([1, 1]);
  });

  it('goes on after a look that failed', async () => {
    await using polled = await openPolled();
    await polled.woken('grows');
    const other = new Database(polled.file);
    other.exec('ALTER TABLE topics RENAME TO hidden');
    const again = polled.woken('grows');
    const before = polled.looks();
    await until(() => polled.looks() > before);
    other.exec('ALTER TABLE hidden RENAME TO topics');
    other.close();
    await appendEvents(polled.store, 'grows', 1);
    await again;
    expect(polled.warnings).toEqual(['cannot look for new events, trying again']);
    expect(polled.fatal).toEqual([]);
  });

  it('hands an error that nobody expected to the fatal path', async () => {
    await using polled = await openPolled();
    const error = new TypeError('a reader is broken');
    polled.wakes.on('grows', () => {
      throw error;
    });
    await until(() => polled.fatal.length > 0);
    expect(polled.fatal).toEqual([error]);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Event } from '../../gen/leat/v1/event.js';
import { ListEventsResponse } from '../../gen/leat/v1/event_service.js';
import { encodeEventRun } from '../../src/store/encoding/event-run.js';
import { openSqliteStore } from '../../src/store/sqlite/index.js';
import type { Store } from '../../src/store/store.js';
import { makeTempDir } from '../support/temp-dir.js';

async function append(store: Store, topic: string, sizes: readonly number[]): Promise<void> {
  const encoded = sizes.map((size) =>
    Event.encode(Event.fromPartial({ type: 't', payload: { $case: 'data', value: Buffer.alloc(size) } })).finish(),
  );
  await store.write([{ kind: 'append-events', topic, author: '', events: encodeEventRun(encoded) }]);
}

/** Offset and size of every event, page by page. */
async function readAll(store: Store, topic: string): Promise<[offset: bigint, size: number | undefined][]> {
  const all: [bigint, number | undefined][] = [];
  for (let after = 0; ;) {
    const page = await store.readPage(topic, after);
    const { records } = ListEventsResponse.decode(page.bytes);
    for (const { offset, event } of records) {
      all.push([offset, event?.payload?.$case === 'data' ? event.payload.value.length : undefined]);
    }
    if (page.scannedTo === page.head) return all;
    after = page.scannedTo;
  }
}

describe('readPage', () => {
  it('skips nothing, however large and small events follow one another', async () => {
    await using dir = await makeTempDir();
    const store = await openSqliteStore({ dataDir: dir.path });
    const size = fc.oneof({ weight: 3, arbitrary: fc.nat(100) }, fc.integer({ min: 10_000, max: 200_000 }));
    let topics = 0;
    const commits = fc.array(fc.array(size, { minLength: 1, maxLength: 5 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(commits, async (commits) => {
        const topic = `uneven/${topics++}`;
        for (const sizes of commits) await append(store, topic, sizes);
        const expected = commits.flat().map((size, index) => [BigInt(index + 1), size]);
        expect(await readAll(store, topic)).toEqual(expected);
      }),
      { numRuns: 60, examples: [[[[10], [200_000], [200_000], [10]]]] },
    );
    await store.close();
  });
});

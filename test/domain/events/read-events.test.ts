import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ListEventsRequest } from '../../../gen/leat/v1/event_service.js';
import { readListEvents } from '../../../src/domain/events/list-request.js';
import { createPageSource } from '../../../src/domain/events/read-events.js';
import { timestampFromMs } from '../../../src/domain/timestamps.js';
import { encodeEventRun } from '../../../src/store/encoding/event-run.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import type { Change, Store } from '../../../src/store/store.js';
import { lenField } from '../../support/wire-chunks.js';

let dataDir: string;
let store: Store;
beforeEach(async () => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'leat-'));
  store = await openSqliteStore({ dataDir });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await store.close();
  rmSync(dataDir, { recursive: true });
});

const append = () =>
  store.write([{ kind: 'append-events', topic: 't', author: '', events: encodeEventRun([lenField(2, 'x')]) }]);

function sourceBefore(timeMs: number, over: Partial<Store>) {
  const end = { $case: 'beforeTime', value: timestampFromMs(timeMs) } as const;
  const request = ListEventsRequest.fromPartial({ topic: 't', follow: true, end });
  return createPageSource({ ...store, ...over }, readListEvents(request, store.epoch, 1000));
}

describe('a page of events before a time', () => {
  it('is not the last one because the topic grew while it was read', async () => {
    const source = sourceBefore(Date.now() + 3_600_000, {
      offsetAtTime: async (topic, timeMs) => {
        const offset = await store.offsetAtTime(topic, timeMs);
        await append();
        return offset;
      },
    });
    const page = await source.readPage(0, {});
    expect(page).toMatchObject({ count: 0, head: 1, final: false });
  });

  it('waits, when the time has come, for what got its commit time before', async () => {
    const endMs = Date.now() + 3_600_000;
    let appended = false;
    const source = sourceBefore(endMs, {
      // On its way when the reader asks: it is there before anything that the reader asks for.
      write: async <const C extends readonly Change[]>(changes: C) => {
        if (!appended) await append();
        appended = true;
        return store.write(changes);
      },
    });
    // The writer's clock is that of another thread, and still before the time.
    jest.spyOn(Date, 'now').mockReturnValue(endMs + 1);
    expect(await source.readPage(0, {})).toMatchObject({ count: 1, scannedTo: 1, final: true });
  });

  it('is the last one when an event stands at the time', async () => {
    await append();
    const source = sourceBefore(1000, {});
    expect(await source.readPage(0, {})).toMatchObject({ count: 0, final: true });
  });
});

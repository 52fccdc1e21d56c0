import { describe, expect, it } from '@jest/globals';
import type { Start } from '../../../gen/leat/v1/event.js';
import { ListEventsRequest } from '../../../gen/leat/v1/event_service.js';
import { readListEvents } from '../../../src/domain/events/list-request.js';
import { startReading } from '../../../src/domain/events/start-reading.js';
import { timestampFromMs } from '../../../src/domain/timestamps.js';
import { encodeEventRun } from '../../../src/store/encoding/event-run.js';
import type { Store } from '../../../src/store/store.js';
import { openTemporaryStore } from '../../support/temporary-store.js';
import { lenField } from '../../support/wire-chunks.js';

const EVENTS = 20;
const topic = 't';

/** The store with 20 events, of which one goes each time before a page is read, for the first `trims` times. */
async function openTrimmed(trims: number) {
  const opened = await openTemporaryStore();
  const { store } = opened;
  const events = encodeEventRun(Array<Uint8Array>(EVENTS).fill(lenField(2, 'x')));
  await store.write([{ kind: 'append-events', topic, author: '', events }]);
  let trimmed = 0;
  const trimming: Store = {
    ...store,
    async readPage(...read) {
      if (trimmed < trims) await store.write([{ kind: 'trim-topic', topic, firstOffset: ++trimmed + 1 }]);
      return store.readPage(...read);
    },
  };
  return { store: trimming, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
}

async function firstPage(store: Store, position: Start['position']) {
  const request = ListEventsRequest.fromPartial({ topic, start: position && { position } });
  const { after, source } = await startReading(store, readListEvents(request, store.epoch, 1000));
  return source.readPage(after, {});
}

const kept: readonly (readonly [string, Start['position']])[] = [
  ['the first event', undefined],
  ['the last ones', { $case: 'last', value: BigInt(EVENTS) }],
  ['a time', { $case: 'fromTime', value: timestampFromMs(0) }],
  ['a cursor that is not known', { $case: 'cursor', value: 'c' }],
];

describe('a reader that begins while the topic is trimmed', () => {
  it.each(kept)('gets what is kept, from %s', async (_, position) => {
    await using opened = await openTrimmed(3);
    expect(await firstPage(opened.store, position)).toMatchObject({ count: EVENTS - 3, scannedTo: EVENTS });
  });

  it('gets all that is kept of the last ones, though more have come meanwhile', async () => {
    await using opened = await openTemporaryStore();
    const { store } = opened;
    const append = (count: number) => {
      const events = encodeEventRun(Array<Uint8Array>(count).fill(lenField(2, 'x')));
      return store.write([{ kind: 'append-events', topic, author: '', events }]);
    };
    await append(EVENTS);
    let isFirst = true;
    const growing: Store = {
      ...store,
      async readPage(...read) {
        if (isFirst) {
          await append(5);
          await store.write([{ kind: 'trim-topic', topic, firstOffset: 4 }]);
        }
        isFirst = false;
        return store.readPage(...read);
      },
    };
    const page = await firstPage(growing, { $case: 'last', value: BigInt(EVENTS) });
    expect(page).toMatchObject({ count: EVENTS + 5 - 3, scannedTo: EVENTS + 5 });
  });

  it('is told so if it named the offset', async () => {
    await using opened = await openTrimmed(1);
    const page = firstPage(opened.store, { $case: 'afterOffset', value: 0n });
    await expect(page).rejects.toMatchObject({ reason: 'OFFSET_TRIMMED' });
  });

  it('is told so if that does not end', async () => {
    await using opened = await openTrimmed(EVENTS);
    await expect(firstPage(opened.store, undefined)).rejects.toMatchObject({ reason: 'OFFSET_TRIMMED' });
  });

  it('is told so, too, of what is trimmed later', async () => {
    await using opened = await openTrimmed(0);
    const request = ListEventsRequest.fromPartial({ topic });
    const { store } = opened;
    const { after, source } = await startReading(store, readListEvents(request, store.epoch, 1000));
    await source.readPage(after, { limit: 1 });
    await store.write([{ kind: 'trim-topic', topic, firstOffset: 10 }]);
    await expect(source.readPage(1, {})).rejects.toMatchObject({ reason: 'OFFSET_TRIMMED' });
  });
});

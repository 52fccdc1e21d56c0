import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Client, Status } from 'nice-grpc';
import { v7 as uuid } from 'uuid';
import { TailState } from '../../gen/leat/v1/event.js';
import { EventServiceDefinition, ListEventsResponse } from '../../gen/leat/v1/event_service.js';
import { loadConfig } from '../../src/config.js';
import { leatServices } from '../../src/server/services.js';
import { failureOf } from '../support/failed-call.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { follow, logOf, offsetsOf, pagesOf } from '../support/log-of.js';
import { withRawResponses } from '../support/raw-client.js';
import { startTestServer } from '../support/test-server.js';

const { TAIL_STATE_REPLAYING, TAIL_STATE_LIVE, TAIL_STATE_FELL_BEHIND, TAIL_STATE_COMPLETE } = TailState;

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

const freshTopic = () => `v/${uuid()}`;
const publish = (topic: string, type = 't') => leat.events.publishEvent({ topic, event: { type } });
const heartbeatInterval = { seconds: 1n, nanos: 0 };
const resumeAt = (value: string) => ({ position: { $case: 'resumeToken' as const, value } });

/** `count` batches of so many bytes each. */
async function publishBatches(topic: string, count: number, size: number, server = leat): Promise<void> {
  const event = { type: 't', payload: { $case: 'data' as const, value: new Uint8Array(size / 64) } };
  const batch = { topic, events: Array.from({ length: 64 }, () => event) };
  await server.events.publishEvents(
    (async function* () {
      for (let i = 0; i < count; i++) yield batch;
    })(),
  );
}

describe('ListEvents with follow', () => {
  it('answers at once, even if the topic was never written to, and then brings what is new', async () => {
    const topic = freshTopic();
    await using tail = follow(leat, { topic });
    expect(await tail.next()).toMatchObject({ records: [], readOffset: 0n, headOffset: 0n, state: TAIL_STATE_LIVE });
    await publish(topic);
    expect(await tail.next()).toMatchObject({ records: [{ offset: 1n }], readOffset: 1n, state: TAIL_STATE_LIVE });
  });

  it('says REPLAYING until it has reached the head, LIVE there, and FELL_BEHIND when it is overrun', async () => {
    const topic = freshTopic();
    await publishBatches(topic, 4, 128 * 1024);
    await using tail = follow(leat, { topic });
    const states = [];
    for (let read = 0n; read < 256n;) {
      const page = await tail.next();
      read = page.readOffset;
      states.push(page.state);
    }
    expect(states.at(-1)).toBe(TAIL_STATE_LIVE);
    expect(new Set(states.slice(0, -1))).toEqual(new Set([TAIL_STATE_REPLAYING]));
    await publishBatches(topic, 1, 900 * 1024);
    const later = [];
    for (let read = 0n; read < 320n;) {
      const page = await tail.next();
      read = page.readOffset;
      later.push(page.state);
    }
    expect(later.slice(0, 3)).toEqual([TAIL_STATE_LIVE, TAIL_STATE_FELL_BEHIND, TAIL_STATE_FELL_BEHIND]);
    expect(later.at(-1)).toBe(TAIL_STATE_LIVE);
  });

  it('begins with what is new for the last 0 events', async () => {
    const topic = freshTopic();
    await publish(topic);
    await using tail = follow(leat, { topic, start: { position: { $case: 'last', value: 0n } } });
    expect(await tail.next()).toMatchObject({ records: [], readOffset: 1n });
    await publish(topic);
    expect(offsetsOf([await tail.next()])).toEqual([2]);
  });

  it('ends complete at the end that was asked for', async () => {
    const topic = freshTopic();
    await using byLimit = follow(leat, { topic, limit: 2n });
    await using byOffset = follow(leat, { topic, end: { $case: 'beforeOffset', value: 3n } });
    await Promise.all([byLimit.next(), byOffset.next()]);
    await publishBatches(topic, 1, 640);
    for (const tail of [byLimit, byOffset]) {
      expect(await tail.next()).toMatchObject({ records: [{}, {}], state: TAIL_STATE_COMPLETE });
      expect((await tail.iterator.next()).done).toBe(true);
    }
  });

  it('sends heartbeats that move the token past what the filter left out', async () => {
    const topic = freshTopic();
    await using tail = follow(leat, { topic, filter: { types: ['wanted'] }, heartbeatInterval });
    await tail.next();
    for (let i = 0; i < 5; i++) await publish(topic, 'other');
    let beat = await tail.next();
    // One that was due before all of them were there says less.
    while (beat.readOffset < 5n) beat = await tail.next();
    expect(beat).toMatchObject({ records: [], readOffset: 5n, headOffset: 5n, state: TAIL_STATE_LIVE });
    await leat.events.trimTopic({ topic, beforeOffset: 6n });
    await publish(topic, 'wanted');
    expect(offsetsOf(await pagesOf(leat, { topic, start: resumeAt(beat.resumeToken) }))).toEqual([6]);
    expect(offsetsOf([await tail.next()])).toEqual([6]);
  });

  it('delivers all that was committed before a time that comes while it follows, and then ends', async () => {
    for (let round = 0; round < 5; round++) {
      const topic = freshTopic();
      const endMs = Date.now() + 150;
      const value = { seconds: BigInt(Math.floor(endMs / 1000)), nanos: (endMs % 1000) * 1e6 };
      const reading = pagesOf(leat, { topic, follow: true, end: { $case: 'beforeTime', value } });
      const writers = Array.from({ length: 8 }, async () => {
        while (Date.now() < endMs + 20) await publish(topic);
      });
      const pages = await reading;
      await Promise.all(writers);
      // Whatever the writers came to: this one is behind the end.
      await publish(topic);
      const log = await logOf(leat.store, topic);
      const expected = log.filter(({ commitTime: at }) => Number(at?.seconds) * 1e3 + (at?.nanos ?? 0) / 1e6 < endMs);
      expect(offsetsOf(pages)).toEqual(expected.map(({ offset }) => Number(offset)));
      expect(expected.length).toBeLessThan(log.length);
      expect(pages.at(-1)?.state).toBe(TAIL_STATE_COMPLETE);
    }
  });

  it('ends when its time comes, though nothing is written', async () => {
    const topic = freshTopic();
    const endMs = Date.now() + 50;
    const value = { seconds: BigInt(Math.floor(endMs / 1000)), nanos: (endMs % 1000) * 1e6 };
    const heartbeatInterval = { seconds: 60n, nanos: 0 };
    const pages = await pagesOf(leat, { topic, follow: true, heartbeatInterval, end: { $case: 'beforeTime', value } });
    expect(pages.at(-1)).toMatchObject({ records: [], state: TAIL_STATE_COMPLETE });
  });

  it('goes on after a reader stopped and the topic was trimmed below it only with OUT_OF_RANGE, never with a gap', async () => {
    const topic = freshTopic();
    await publishBatches(topic, 24, 512 * 1024);
    await using tail = follow(leat, { topic });
    const offsets = offsetsOf([await tail.next()]);
    await leat.events.trimTopic({ topic, beforeOffset: 24n * 64n + 1n });
    const failure = await failureOf(
      (async () => {
        for (;;) offsets.push(...offsetsOf([await tail.next()]));
      })(),
    );
    expect(failure).toMatchObject({
      code: Status.OUT_OF_RANGE,
      reason: 'OFFSET_TRIMMED',
      metadata: { first_offset: '1537' },
    });
    expect(offsets).toEqual(offsets.map((_, i) => i + 1));
  });

  it('gives readers at the head equal bytes', async () => {
    const topic = freshTopic();
    const client: Client<ReturnType<typeof rawEvents>> = leat.client(rawEvents());
    const abort = new AbortController();
    const readers = Array.from({ length: 5 }, () =>
      client.listEvents({ topic, follow: true }, { signal: abort.signal })[Symbol.asyncIterator](),
    );
    const nextOfAll = () => Promise.all(readers.map(async (reader) => (await reader.next()).value as Uint8Array));
    await nextOfAll();
    for (let offset = 1; offset <= 10; offset++) {
      await publish(topic);
      const pages = await nextOfAll();
      expect(offsetsOf(pages.map((page) => ListEventsResponse.decode(page)))).toEqual(Array(5).fill(offset));
      for (const page of pages) expect(page).toEqual(pages[0]);
    }
    abort.abort();
    await Promise.allSettled(readers.map((reader) => reader.next()));
  });

  it('shares pages, but not the state, with a reader who does not follow', async () => {
    const topic = freshTopic();
    await using tail = follow(leat, { topic });
    await tail.next();
    await publish(topic);
    const live = await tail.next();
    const [page] = await pagesOf(leat, { topic });
    expect(page).toEqual({ ...live, state: TAIL_STATE_COMPLETE });
  });

  it('frees everything when its reader leaves', async () => {
    const topic = freshTopic();
    {
      await using tail = follow(leat, { topic });
      await tail.next();
      expect(leat.server.calls.size).toBe(1);
    }
    await leat.idle();
    expect(leat.server.calls.size).toBe(0);
  });

  it('ends with UNAVAILABLE and RetryInfo when the server drains, and the token goes on with the next one', async () => {
    await using first = await startLeat();
    const topic = freshTopic();
    await first.events.publishEvent({ topic, event: { type: 't' } });
    await using tail = follow(first, { topic });
    const page = await tail.next();
    const ending = failureOf(tail.next());
    await first.server.drain();
    expect(await ending).toMatchObject({ code: Status.UNAVAILABLE, reason: 'DRAINING', retryAfterMs: 1000 });
    await using second = await startTestServer(leatServices({ ...first, config: loadConfig() }));
    const events = second.client(EventServiceDefinition);
    await events.publishEvent({ topic, event: { type: 't' } });
    expect(offsetsOf(await pagesOf({ events }, { topic, start: resumeAt(page.resumeToken) }))).toEqual([2]);
  });
});

function rawEvents() {
  return withRawResponses(EventServiceDefinition);
}

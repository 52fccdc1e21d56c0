import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { v7 as uuid } from 'uuid';
import { TailState } from '../../gen/leat/v1/event.js';
import type { DeepPartial, ListEventsRequest, ListEventsResponse } from '../../gen/leat/v1/event_service.js';
import { failureOf } from '../support/failed-call.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { logOf, offsetsOf, pagesOf } from '../support/log-of.js';

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

type Position = NonNullable<NonNullable<DeepPartial<ListEventsRequest>['start']>['position']>;

const list = (request: DeepPartial<ListEventsRequest>) => pagesOf(leat, request);
const from = (topic: string, position: Position) => list({ topic, start: { position } }).then(offsetsOf);

/** A topic with so many events, of types `odd` and `even`. */
async function topicOf(count: number, size = 0): Promise<string> {
  const topic = `l/${uuid()}`;
  const events = Array.from({ length: count }, (_, i) => ({
    type: i % 2 === 0 ? 'n.odd' : 'n.even',
    subject: `s${i + 1}`,
    attributes: new Map([['third', String((i + 1) % 3 === 0)]]),
    payload: { $case: 'data' as const, value: new Uint8Array(size) },
  }));
  for (let i = 0; i < count; i += 1000) {
    const perBatch = Math.max(1, Math.min(1000, Math.floor(900_000 / (size + 100))));
    for (let j = i; j < Math.min(count, i + 1000); j += perBatch) {
      const batch = { topic, events: events.slice(j, Math.min(i + 1000, j + perBatch)) };
      await leat.events.publishEvents(
        (async function* () {
          yield batch;
        })(),
      );
    }
  }
  return topic;
}

/** One after another, so that each has a commit time of its own if the clock allows. */
async function slowTopicOf(count: number): Promise<string> {
  const topic = `l/${uuid()}`;
  for (let i = 0; i < count; i++) {
    const before = Date.now();
    while (Date.now() === before) await new Promise(setImmediate);
    await leat.events.publishEvent({ topic, event: { type: 't' } });
  }
  return topic;
}

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

function expectComplete(pages: readonly ListEventsResponse[]): void {
  const states = pages.map(({ state }) => state);
  expect(states.at(-1)).toBe(TailState.TAIL_STATE_COMPLETE);
  expect(states.slice(0, -1).every((state) => state === TailState.TAIL_STATE_REPLAYING)).toBe(true);
}

describe('ListEvents begins', () => {
  it('by default with the first event that is kept, and ends complete at the head', async () => {
    const topic = await topicOf(5);
    const pages = await list({ topic });
    expect(offsetsOf(pages)).toEqual(upTo(5));
    expectComplete(pages);
    await leat.events.trimTopic({ topic, beforeOffset: 3n });
    expect(offsetsOf(await list({ topic }))).toEqual([3, 4, 5]);
  });

  it('after an offset', async () => {
    const topic = await topicOf(5);
    expect(await from(topic, { $case: 'afterOffset', value: 0n })).toEqual(upTo(5));
    expect(await from(topic, { $case: 'afterOffset', value: 3n })).toEqual([4, 5]);
    expect(await from(topic, { $case: 'afterOffset', value: 5n })).toEqual([]);
  });

  it('at a time', async () => {
    const topic = await slowTopicOf(4);
    for (const [index, { commitTime }] of (await logOf(leat.store, topic)).entries()) {
      if (!commitTime) throw new Error('a record has no time');
      expect(await from(topic, { $case: 'fromTime', value: commitTime })).toEqual(upTo(4, index + 1));
      const later = { ...commitTime, nanos: commitTime.nanos + 1 };
      expect(await from(topic, { $case: 'fromTime', value: later })).toEqual(upTo(4, index + 2));
    }
    expect(await from(topic, { $case: 'fromTime', value: { seconds: 0n, nanos: 0 } })).toEqual(upTo(4));
    expect(await from(topic, { $case: 'fromTime', value: { seconds: 253_402_300_799n, nanos: 0 } })).toEqual([]);
  });

  it('with the last events, counted before the filter', async () => {
    const topic = await topicOf(5);
    expect(await from(topic, { $case: 'last', value: 2n })).toEqual([4, 5]);
    expect(await from(topic, { $case: 'last', value: 0n })).toEqual([]);
    expect(await from(topic, { $case: 'last', value: 100n })).toEqual(upTo(5));
    const start = { position: { $case: 'last' as const, value: 2n } };
    expect(offsetsOf(await list({ topic, start, filter: { types: ['n.odd'] } }))).toEqual([5]);
    await leat.events.trimTopic({ topic, beforeOffset: 5n });
    expect(await from(topic, { $case: 'last', value: 3n })).toEqual([5]);
  });

  it('where a named cursor stands, and at the first kept event for a name that is new', async () => {
    const topic = await topicOf(5);
    expect(await from(topic, { $case: 'cursor', value: 'c' })).toEqual(upTo(5));
    await leat.events.commitCursor({ topic, cursor: 'c', offset: 3n });
    expect(await from(topic, { $case: 'cursor', value: 'c' })).toEqual([4, 5]);
    await leat.events.trimTopic({ topic, beforeOffset: 3n });
    expect(await from(topic, { $case: 'cursor', value: 'new' })).toEqual([3, 4, 5]);
  });

  it('where any page of an earlier call ended, with another filter if it is wished', async () => {
    const topic = await topicOf(600, 300);
    const pages = await list({ topic });
    expect(pages.length).toBeGreaterThan(1);
    for (const { resumeToken, readOffset } of pages) {
      expect(resumeToken.length).toBeLessThanOrEqual(256);
      const start = { position: { $case: 'resumeToken' as const, value: resumeToken } };
      const rest = offsetsOf(await list({ topic, start, filter: { types: ['n.even'] } }));
      expect(rest).toEqual(upTo(600, Number(readOffset) + 1).filter((offset) => offset % 2 === 0));
    }
  });

  it('nowhere else than asked: what is trimmed or not there yet is OUT_OF_RANGE and names what is', async () => {
    const topic = await topicOf(5);
    await leat.events.trimTopic({ topic, beforeOffset: 4n });
    const trimmed = await failureOf(from(topic, { $case: 'afterOffset', value: 2n }));
    expect(trimmed).toMatchObject({
      code: Status.OUT_OF_RANGE,
      reason: 'OFFSET_TRIMMED',
      metadata: { first_offset: '4' },
    });
    for (const value of [6n, 2n ** 53n, 2n ** 63n - 1n]) {
      const beyond = await failureOf(from(topic, { $case: 'afterOffset', value }));
      expect(beyond).toMatchObject({
        code: Status.OUT_OF_RANGE,
        reason: 'OFFSET_BEYOND_HEAD',
        metadata: { head_offset: '5' },
      });
    }
  });

  it('not with the token of another topic', async () => {
    const [a, b] = [await topicOf(1), await topicOf(1)];
    const [page] = await list({ topic: a });
    const failure = await failureOf(from(b, { $case: 'resumeToken', value: page?.resumeToken ?? '' }));
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: 'TOKEN_MISMATCH' });
    expect(failure.violations.map(({ field }) => field)).toEqual(['start.resume_token']);
  });
});

describe('ListEvents ends', () => {
  it('before an offset, so that adjoining ranges share a topic without overlap', async () => {
    const topic = await topicOf(7);
    const range = (after: bigint, before: bigint) =>
      list({
        topic,
        start: { position: { $case: 'afterOffset', value: after } },
        end: { $case: 'beforeOffset', value: before },
      });
    const parts = [await range(0n, 3n), await range(2n, 6n), await range(5n, 8n)];
    expect(parts.map(offsetsOf)).toEqual([
      [1, 2],
      [3, 4, 5],
      [6, 7],
    ]);
    parts.forEach(expectComplete);
    expect(offsetsOf(await range(3n, 2n))).toEqual([]);
    expect(offsetsOf(await range(0n, 1n))).toEqual([]);
  });

  it('after a number of matches', async () => {
    const topic = await topicOf(600);
    const pages = await list({ topic, filter: { types: ['n.even'] }, limit: 270n });
    expect(offsetsOf(pages)).toEqual(
      upTo(600)
        .filter((offset) => offset % 2 === 0)
        .slice(0, 270),
    );
    expectComplete(pages);
    expect(Number(pages.at(-1)?.readOffset)).toBeLessThan(600);
    expect(offsetsOf(await list({ topic, limit: 1n, follow: true }))).toEqual([1]);
  });

  it('before a time that is past', async () => {
    const topic = await slowTopicOf(4);
    for (const [index, { commitTime }] of (await logOf(leat.store, topic)).entries()) {
      if (!commitTime) throw new Error('a record has no time');
      for (const follow of [false, true]) {
        const pages = await list({ topic, follow, end: { $case: 'beforeTime', value: commitTime } });
        expect(offsetsOf(pages)).toEqual(upTo(index));
        expectComplete(pages);
      }
    }
  });

  it('at the head as it was, when the time it shall end before is to come and it does not follow', async () => {
    const topic = await topicOf(3);
    const end = { $case: 'beforeTime' as const, value: { seconds: 253_402_300_799n, nanos: 0 } };
    const pages = await list({ topic, end });
    expect(offsetsOf(pages)).toEqual([1, 2, 3]);
    expectComplete(pages);
  });

  it('at once for a topic that was never written to', async () => {
    const topic = `l/${uuid()}`;
    const pages = await list({ topic });
    expect(pages).toMatchObject([
      { records: [], readOffset: 0n, headOffset: 0n, state: TailState.TAIL_STATE_COMPLETE },
    ]);
  });
});

describe('ListEvents delivers', () => {
  it('what all parts of the filter match', async () => {
    const topic = await topicOf(12);
    const filtered = async (filter: DeepPartial<ListEventsRequest>['filter']) =>
      offsetsOf(await list({ topic, filter }));
    expect(await filtered({ types: ['n.*'] })).toEqual(upTo(12));
    expect(await filtered({ types: ['n.odd', 'x'] })).toEqual([1, 3, 5, 7, 9, 11]);
    expect(await filtered({ types: ['n'] })).toEqual([]);
    expect(await filtered({ subjects: ['s2', 's5'] })).toEqual([2, 5]);
    expect(await filtered({ attributes: new Map([['third', 'true']]) })).toEqual([3, 6, 9, 12]);
    expect(await filtered({ types: ['n.even'], attributes: new Map([['third', 'true']]) })).toEqual([6, 12]);
  });

  it('pages of about 64 KiB, or one larger event, and says how far each has read', async () => {
    const topic = await topicOf(400, 500);
    await leat.events.publishEvent({
      topic,
      event: { type: 'big', payload: { $case: 'data', value: new Uint8Array(200_000) } },
    });
    const pages = await list({ topic });
    expect(offsetsOf(pages)).toEqual(upTo(401));
    expectComplete(pages);
    for (const { records, readOffset, headOffset } of pages) {
      expect(records.at(-1)?.offset).toBe(readOffset);
      expect(headOffset).toBe(401n);
      const size = records.reduce((sum, { event }) => sum + (event?.payload?.value.length ?? 0), 0);
      if (records.length > 1) expect(size).toBeLessThanOrEqual(64 * 1024);
    }
    expect(pages.length).toBeLessThan(12);
  });

  it('nothing for a filter that matches nothing, and its token says that all was read', async () => {
    const topic = await topicOf(9000);
    const pages = await list({ topic, filter: { types: ['x'], attributes: new Map([['third', 'true']]) } });
    expect(offsetsOf(pages)).toEqual([]);
    expect(pages.at(-1)).toMatchObject({ readOffset: 9000n, state: TailState.TAIL_STATE_COMPLETE });
  });
});

describe('a topic that was deleted', () => {
  it('is an empty log at the head it had, and goes on from there', async () => {
    const topic = await topicOf(5);
    const [page] = await list({ topic });
    await leat.events.commitCursor({ topic, cursor: 'c', offset: 2n });
    await leat.events.deleteTopic({ topic });
    const positions: (Position | undefined)[] = [
      undefined,
      { $case: 'last', value: 3n },
      { $case: 'cursor', value: 'c' },
      { $case: 'fromTime', value: { seconds: 1n, nanos: 0 } },
      { $case: 'resumeToken', value: page?.resumeToken ?? '' },
    ];
    for (const position of positions) {
      const pages = await list({ topic, start: { position } });
      expect(pages).toMatchObject([{ records: [], readOffset: 5n, headOffset: 5n }]);
    }
    await expect(leat.events.publishEvent({ topic, event: { type: 't' } })).resolves.toMatchObject({ offset: 6n });
    for (const position of positions) expect(offsetsOf(await list({ topic, start: { position } }))).toEqual([6]);
  });

  it('tells a reader with an older token what it missed', async () => {
    const topic = await topicOf(5);
    const [page] = await list({ topic, limit: 2n });
    await leat.events.deleteTopic({ topic });
    const failure = await failureOf(from(topic, { $case: 'resumeToken', value: page?.resumeToken ?? '' }));
    expect(failure).toMatchObject({
      code: Status.OUT_OF_RANGE,
      reason: 'OFFSET_TRIMMED',
      metadata: { first_offset: '6' },
    });
  });
});

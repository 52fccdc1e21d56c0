import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { v7 as uuid } from 'uuid';
import type { DeepPartial, PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import { failureOf } from '../support/failed-call.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { logOf } from '../support/log-of.js';

type Batch = DeepPartial<PublishEventsRequest>;

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

const freshTopic = () => `t/${uuid()}`;
const ids = (...list: string[]) => list.map((id) => ({ id, type: 't' }));
const count = (n: number) => Array.from({ length: n }, () => ({ type: 't' }));
const typesIn = async (topic: string) => (await logOf(leat.store, topic)).map(({ event }) => event?.type);

async function* streamOf(batches: readonly Batch[]) {
  yield* batches;
}

/** Batches, and then nothing, until the call is over. */
async function* openStream(batches: readonly Batch[], over: Promise<unknown>) {
  yield* batches;
  await over;
}

const publish = (...batches: Batch[]) => leat.events.publishEvents(streamOf(batches));

describe('PublishEvents', () => {
  it('answers with what the stream appended, per topic, and it is in the log', async () => {
    const [a, b] = [freshTopic(), freshTopic()];
    await publish({ topic: a, events: ids('x') });
    const response = await publish(
      { topic: a, events: ids('x', 'y') },
      { topic: b, events: count(3) },
      { topic: a, events: count(2) },
    );
    expect(response).toEqual({
      accepted: 6n,
      duplicates: 1n,
      topics: [
        { topic: a, accepted: 3n, firstOffset: 2n, lastOffset: 4n },
        { topic: b, accepted: 3n, firstOffset: 1n, lastOffset: 3n },
      ],
    });
    expect([await typesIn(a), await typesIn(b)].map(({ length }) => length)).toEqual([4, 3]);
  });

  it('appends nothing for a stream without batches', async () => {
    await expect(publish()).resolves.toEqual({ accepted: 0n, duplicates: 0n, topics: [] });
  });

  it('commits a batch whole or not at all, and names the batches before it in PublishProgress', async () => {
    const topic = freshTopic();
    await publish({ topic, events: ids('taken') });
    const failure = await failureOf(
      publish(
        { topic, events: ids('a', 'b') },
        { topic, events: [...ids('c'), { id: 'taken', type: 'other' }, ...ids('d')] },
        { topic, events: ids('e') },
      ),
    );
    expect(failure).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'ID_REUSED', metadata: { index: '1' } });
    expect(failure.progress).toEqual({
      committedMessages: 1n,
      topics: [{ topic, accepted: 2n, firstOffset: 2n, lastOffset: 3n }],
      topicsOmitted: false,
    });
    expect((await logOf(leat.store, topic)).map(({ event }) => event?.id)).toEqual(['taken', 'a', 'b']);
  });

  it('tells of a failure at once, while the client has more to send', async () => {
    const topic = freshTopic();
    await publish({ topic, events: ids('taken') });
    let endStream: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (endStream = resolve));
    const batches = [
      { topic, events: ids('a') },
      { topic, events: [{ id: 'taken', type: 'other' }] },
    ];
    try {
      const failure = await failureOf(leat.events.publishEvents(openStream(batches, over)));
      expect(failure).toMatchObject({ reason: 'ID_REUSED', progress: { committedMessages: 1n } });
    } finally {
      endStream();
    }
  });

  it.each<[string, Batch, string[]]>([
    ['an empty batch', {}, ['events']],
    ['10,001 events', { events: count(10_001) }, ['events']],
    [
      'more than 1 MiB',
      { events: Array(5).fill({ type: 't', payload: { $case: 'data', value: new Uint8Array(220_000) } }) },
      ['events'],
    ],
    [
      'bad events',
      { events: [{ type: 't' }, {}, { type: 't', id: 'i'.repeat(129) }] },
      ['events[1].type', 'events[2].id'],
    ],
    ['no topic', { topic: '', events: count(1) }, ['topic']],
    [
      'a bad producer',
      { events: count(1), producer: { firstSequence: 0n } },
      ['producer.producer_id', 'producer.first_sequence'],
    ],
    [
      'a sequence beyond 2^53',
      { events: count(1), producer: { producerId: 'p', firstSequence: 2n ** 60n } },
      ['producer.first_sequence'],
    ],
    ['a negative condition', { events: count(1), expectedLastOffset: -1n }, ['expected_last_offset']],
  ])('refuses %s with its fields, behind a batch that is durable', async (_, bad, fields) => {
    const topic = freshTopic();
    const failure = await failureOf(
      publish({ topic, events: count(2) }, { topic, ...bad }, { topic, events: count(1) }),
    );
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, progress: { committedMessages: 1n } });
    expect(failure.violations.map(({ field }) => field)).toEqual(fields);
    expect(await typesIn(topic)).toHaveLength(2);
  });

  it('refuses a reserved topic, behind a batch that is durable', async () => {
    const topic = freshTopic();
    const failure = await failureOf(publish({ topic, events: count(1) }, { topic: 'sys/users', events: count(1) }));
    expect(failure).toMatchObject({ code: Status.PERMISSION_DENIED, reason: 'TOPIC_RESERVED' });
    expect(failure.progress).toMatchObject({ committedMessages: 1n, topics: [{ topic, accepted: 1n }] });
  });

  it('takes a batch of 10,000 events, and one of exactly 1 MiB', async () => {
    const topic = freshTopic();
    // With type, tags and lengths 11 bytes more.
    const events = (size: number) => {
      const value = new Uint8Array(size - 11);
      return Array.from({ length: 4 }, () => ({ type: 't', payload: { $case: 'data' as const, value } }));
    };
    await expect(publish({ topic, events: count(10_000) })).resolves.toMatchObject({ accepted: 10_000n });
    await expect(publish({ topic, events: events(256 * 1024) })).resolves.toMatchObject({ accepted: 4n });
    const failure = await failureOf(publish({ topic, events: [...events(256 * 1024), ...count(1)] }));
    expect(failure.violations.map(({ field }) => field)).toEqual(['events']);
  });

  it('appends several events under a condition together or not at all', async () => {
    const topic = freshTopic();
    await publish({ topic, events: count(2), expectedLastOffset: 0n });
    const failure = await failureOf(publish({ topic, events: ids('a', 'b'), expectedLastOffset: 1n }));
    expect(failure).toMatchObject({ code: Status.ABORTED, reason: 'OFFSET_CONFLICT', metadata: { last_offset: '2' } });
    expect(await typesIn(topic)).toHaveLength(2);
  });

  it('keeps many batches on their way to the disk in the order of the stream', async () => {
    const topic = freshTopic();
    const batches = Array.from({ length: 300 }, (_, i) => ({
      topic,
      events: [{ type: `b${i}`, payload: { $case: 'data' as const, value: new Uint8Array(10_000) } }],
    }));
    await expect(publish(...batches)).resolves.toMatchObject({ accepted: 300n });
    expect(await typesIn(topic)).toEqual(batches.map(({ events }) => events[0]?.type));
  });

  it('tells what is durable when the server drains in the middle of a stream', async () => {
    await using other = await startLeat();
    const topic = freshTopic();
    let endStream: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (endStream = resolve));
    const call = failureOf(other.events.publishEvents(openStream([{ topic, events: count(3) }], over)));
    while ((await other.store.topic(topic))?.headOffset !== 3) await new Promise(setImmediate);
    const drained = other.server.drain();
    const failure = await call;
    endStream();
    await drained;
    expect(failure).toMatchObject({ code: Status.UNAVAILABLE, reason: 'DRAINING', retryAfterMs: 1000 });
    expect(failure.progress).toMatchObject({ committedMessages: 1n, topics: [{ topic, accepted: 3n }] });
  });
});

describe('a producer', () => {
  const producer = (firstSequence: bigint, producerId = 'p') => ({ producerId, firstSequence });

  it('may send again what is there, wholly or in part, and tells where it is', async () => {
    const topic = freshTopic();
    const events = ['1', '2', '3', '4'].map((type) => ({ type }));
    await publish({ topic, events: events.slice(0, 2), producer: producer(1n) });
    await publish({ topic, events: count(1) });
    const again = await publish({ topic, events: events.slice(0, 2), producer: producer(1n) });
    expect(again).toMatchObject({ accepted: 0n, duplicates: 2n });
    const partly = await publish({ topic, events: events.slice(1), producer: producer(2n) });
    expect(partly).toMatchObject({ accepted: 2n, duplicates: 1n, topics: [{ firstOffset: 4n, lastOffset: 5n }] });
    expect(await typesIn(topic)).toEqual(['1', '2', 't', '3', '4']);
    const position = await leat.events.getProducer({ topic, producerId: 'p' });
    expect(position).toEqual({ lastSequence: 4n, lastOffset: 5n });
  });

  it('is refused when it leaves numbers out, with the one that is expected', async () => {
    const topic = freshTopic();
    await publish({ topic, events: count(2), producer: producer(1n) });
    const failure = await failureOf(publish({ topic, events: count(1), producer: producer(4n) }));
    expect(failure).toMatchObject({
      code: Status.ABORTED,
      reason: 'SEQUENCE_GAP',
      metadata: { expected_sequence: '3' },
    });
  });

  it('is refused when it is unknown and does not begin with 1', async () => {
    const topic = freshTopic();
    const failure = await failureOf(publish({ topic, events: count(1), producer: producer(2n) }));
    expect(failure).toMatchObject({ code: Status.ABORTED, reason: 'PRODUCER_UNKNOWN' });
    const missing = await failureOf(leat.events.getProducer({ topic, producerId: 'p' }));
    expect(missing).toMatchObject({ code: Status.NOT_FOUND });
  });

  it('is refused, never swallowed, when it begins again at 1 with other content', async () => {
    const topic = freshTopic();
    await publish({ topic, events: [{ type: 'a' }], producer: producer(1n) });
    const failure = await failureOf(publish({ topic, events: [{ type: 'b' }], producer: producer(1n) }));
    expect(failure).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'SEQUENCE_REUSED' });
    expect(failure.progress).toEqual({ committedMessages: 0n, topics: [], topicsOmitted: false });
    expect(await typesIn(topic)).toEqual(['a']);
  });

  it('counts by topic, and its events may repeat ids', async () => {
    const [a, b] = [freshTopic(), freshTopic()];
    const events = [...ids('same'), ...ids('same')];
    const response = await publish(
      { topic: a, events, producer: producer(1n) },
      { topic: b, events, producer: producer(1n) },
      { topic: a, events, producer: producer(3n) },
    );
    expect(response).toMatchObject({ accepted: 6n, duplicates: 0n });
  });
});

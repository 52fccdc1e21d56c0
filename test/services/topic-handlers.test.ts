import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Client, Status } from 'nice-grpc';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { served } from '../../src/server/served-service.js';
import { createEventService, eventCodecs } from '../../src/services/event-service.js';
import type { Store } from '../../src/store/store.js';
import { failureOf } from '../support/failure.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { openTemporaryStore } from '../support/temporary-store.js';
import { startTestServer } from '../support/test-server.js';
import { appendEvents } from '../support/topic-events.js';

const HUGE = 2n ** 63n - 1n;

let resources: ResourceStack;
let store: Store;
let topics: Client<EventServiceDefinition>;

beforeEach(async () => {
  resources = createResourceStack();
  ({ store } = resources.use(await openTemporaryStore()));
  const handlers = createEventService({ store, limits: { maxPayloadBytes: 1024 }, heartbeatMs: 15_000 });
  const service = served(EventServiceDefinition, handlers, eventCodecs);
  topics = resources.use(await startTestServer([service])).client(EventServiceDefinition);
});

afterEach(() => resources.dispose());

describe('every rpc about a topic', () => {
  it.each(['', 'A', 'a//b', '/a', 'a/', 'a'.repeat(201), 'sys/', '../a'])('refuses the name %j', async (topic) => {
    const expected = { code: Status.INVALID_ARGUMENT, reason: 'INVALID_FIELD', fields: ['topic'] };
    expect(await failureOf(topics.getTopic({ topic }))).toMatchObject(expected);
    expect(await failureOf(topics.deleteTopic({ topic }))).toMatchObject(expected);
    expect(await failureOf(topics.trimTopic({ topic, beforeOffset: 1n }))).toMatchObject(expected);
    expect(await failureOf(topics.commitCursor({ topic, cursor: 'c' }))).toMatchObject(expected);
    expect(await failureOf(topics.getProducer({ topic, producerId: 'p' }))).toMatchObject(expected);
    expect(await failureOf(topics.updateTopic({ topic: { topic } }))).toMatchObject({ fields: ['topic.topic'] });
  });

  it('tells all that is wrong at once', async () => {
    const cursor = 'c'.repeat(129);
    const call = topics.commitCursor({ topic: 'A', cursor, offset: -1n });
    expect(await failureOf(call)).toMatchObject({ fields: ['topic', 'cursor', 'offset'] });
    const trim = topics.trimTopic({ topic: 'A', beforeOffset: 0n });
    expect(await failureOf(trim)).toMatchObject({ fields: ['topic', 'before_offset'] });
    expect(await failureOf(topics.getProducer({}))).toMatchObject({ fields: ['topic', 'producer_id'] });
  });

  it('says TOPIC_NOT_FOUND, naming it, if it was never written to or set up', async () => {
    const message: unknown = expect.stringContaining('check the name with ListTopics');
    const expected = { code: Status.NOT_FOUND, reason: 'TOPIC_NOT_FOUND', resource: 'orders', message };
    expect(await failureOf(topics.getTopic({ topic: 'orders' }))).toMatchObject(expected);
    expect(await failureOf(topics.deleteTopic({ topic: 'orders' }))).toMatchObject(expected);
    expect(await failureOf(topics.trimTopic({ topic: 'orders', beforeOffset: 1n }))).toMatchObject(expected);
  });
});

describe('GetTopic', () => {
  it('describes the topic, with its cursors in the order of their names', async () => {
    await appendEvents(store, 'orders', 5);
    await topics.commitCursor({ topic: 'orders', cursor: 'b', offset: 2n });
    await topics.commitCursor({ topic: 'orders', cursor: 'a', offset: 5n });
    const { topic, cursors } = await topics.getTopic({ topic: 'orders' });
    expect(topic).toMatchObject({ topic: 'orders', firstOffset: 1n, headOffset: 5n, retention: {} });
    expect(topic?.storedBytes).toBeGreaterThan(0n);
    expect(topic?.lastCommitTime).toEqual(topic?.createTime);
    expect(cursors).toMatchObject([
      { cursor: 'a', offset: 5n },
      { cursor: 'b', offset: 2n },
    ]);
    expect(Number(cursors[0]?.commitTime?.seconds)).toBeGreaterThanOrEqual(Number(topic?.createTime?.seconds));
  });
});

describe('ListTopics', () => {
  beforeEach(async () => {
    for (const topic of ['b', 'a/b', 'a', 'a/c', 'ab']) await appendEvents(store, topic, 1);
  });

  it('lists topics in the order of their names, a page at a time, the last without a token', async () => {
    const names = [];
    for (let pageToken = ''; ;) {
      const page = await topics.listTopics({ pageSize: 2, pageToken });
      names.push(page.topics.map(({ topic }) => topic));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    expect(names).toEqual([['a', 'a/b'], ['a/c', 'ab'], ['b']]);
    expect((await topics.listTopics({ pageSize: 5 })).nextPageToken).toBe('');
  });

  it('lists only names with the prefix', async () => {
    const listed = async (prefix: string) => (await topics.listTopics({ prefix })).topics.map(({ topic }) => topic);
    expect(await listed('a/')).toEqual(['a/b', 'a/c']);
    expect(await listed('a')).toEqual(['a', 'a/b', 'a/c', 'ab']);
    expect(await listed('%')).toEqual([]);
  });

  it('refuses a token of another list', async () => {
    const { nextPageToken: pageToken } = await topics.listTopics({ pageSize: 1, prefix: 'a' });
    const expected = { code: Status.INVALID_ARGUMENT, reason: 'TOKEN_MISMATCH', fields: ['page_token'] };
    expect(await failureOf(topics.listTopics({ pageToken }))).toMatchObject(expected);
    expect(await topics.listTopics({ pageToken, prefix: 'a' })).toMatchObject({ topics: [{}, {}, {}] });
  });

  it('refuses sizes, tokens and prefixes that cannot be, all at once', async () => {
    const call = topics.listTopics({ pageSize: -1, pageToken: 'x', prefix: 'p'.repeat(201) });
    expect(await failureOf(call)).toMatchObject({ fields: ['page_size', 'prefix', 'page_token'] });
  });
});

describe('UpdateTopic', () => {
  const maxAge = { seconds: 3600n, nanos: 0 };

  it('sets up a topic that was never written to', async () => {
    const { topic } = await topics.updateTopic({ topic: { topic: 'new', retention: { maxAge, maxEvents: 10n } } });
    expect(topic).toMatchObject({ firstOffset: 1n, headOffset: 0n, lastCommitTime: undefined });
    expect(topic?.retention).toEqual({ maxAge, maxBytes: undefined, maxEvents: 10n });
    expect((await topics.getTopic({ topic: 'new' })).topic).toEqual(topic);
    await topics.updateTopic({ topic: { topic: 'bare' } });
    expect((await topics.getTopic({ topic: 'bare' })).topic?.retention).toEqual({});
  });

  it('changes the parts that the mask names, and takes the bound from those that are absent', async () => {
    const update = async (updateMask: string[] | undefined, retention: object) =>
      (await topics.updateTopic({ topic: { topic: 't', retention }, updateMask })).topic?.retention;
    await update(undefined, { maxAge, maxBytes: 5n });
    expect(await update(undefined, { maxEvents: 7n })).toEqual({ maxAge, maxBytes: 5n, maxEvents: 7n });
    expect(await update(['retention.max_bytes'], { maxEvents: 1n })).toEqual({ maxAge, maxEvents: 7n });
    expect(await update(['retention'], { maxBytes: 1n })).toEqual({ maxAge: undefined, maxBytes: 1n });
  });

  it('lets an operator choose for the topics of the service too', async () => {
    const topic = { topic: 'sys/users', retention: { maxAge } };
    expect((await topics.updateTopic({ topic })).topic?.retention?.maxAge).toEqual(maxAge);
  });

  it('refuses bounds and paths that cannot be, all at once', async () => {
    const retention = { maxAge: { seconds: -1n, nanos: 0 }, maxBytes: HUGE, maxEvents: 0n };
    const updateMask = ['retention', 'head_offset'];
    expect(await failureOf(topics.updateTopic({ topic: { topic: 't', retention }, updateMask }))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      fields: [
        'update_mask.paths[1]',
        'topic.retention.max_age',
        'topic.retention.max_bytes',
        'topic.retention.max_events',
      ],
    });
    expect(await store.topic('t')).toBeUndefined();
  });
});

describe('TrimTopic', () => {
  it('moves the first offset, never back', async () => {
    await appendEvents(store, 'orders', 5);
    const trim = (beforeOffset: bigint) => topics.trimTopic({ topic: 'orders', beforeOffset });
    expect(await trim(4n)).toEqual({ firstOffset: 4n });
    expect(await trim(2n)).toEqual({ firstOffset: 4n });
    expect(await trim(6n)).toEqual({ firstOffset: 6n });
  });

  it('beyond the head is OFFSET_BEYOND_HEAD and names the head', async () => {
    await appendEvents(store, 'orders', 5);
    for (const beforeOffset of [7n, 2n ** 53n, HUGE]) {
      expect(await failureOf(topics.trimTopic({ topic: 'orders', beforeOffset }))).toMatchObject({
        code: Status.OUT_OF_RANGE,
        reason: 'OFFSET_BEYOND_HEAD',
        metadata: { head_offset: '5' },
      });
    }
  });

  it('of a topic of the service is TOPIC_RESERVED, whether it is there or not', async () => {
    const expected = { code: Status.PERMISSION_DENIED, reason: 'TOPIC_RESERVED' };
    expect(await failureOf(topics.trimTopic({ topic: 'sys/users', beforeOffset: 1n }))).toMatchObject(expected);
    await appendEvents(store, 'sys/users', 1);
    expect(await failureOf(topics.trimTopic({ topic: 'sys/users', beforeOffset: 1n }))).toMatchObject(expected);
  });
});

describe('DeleteTopic', () => {
  it('gives up events, cursors and settings; offsets go on', async () => {
    await appendEvents(store, 'orders', 3);
    await topics.commitCursor({ topic: 'orders', cursor: 'c', offset: 3n });
    await topics.updateTopic({ topic: { topic: 'orders', retention: { maxEvents: 100n } } });
    expect(await topics.deleteTopic({ topic: 'orders' })).toEqual({ headOffset: 3n });
    expect(await failureOf(topics.getTopic({ topic: 'orders' }))).toMatchObject({ reason: 'TOPIC_NOT_FOUND' });
    expect((await topics.listTopics({})).topics).toEqual([]);
    await appendEvents(store, 'orders', 1);
    const { topic, cursors } = await topics.getTopic({ topic: 'orders' });
    expect(topic).toMatchObject({ firstOffset: 4n, headOffset: 4n, retention: {} });
    expect([topic?.retention?.maxEvents, cursors]).toEqual([undefined, []]);
  });

  it('of a topic of the service is TOPIC_RESERVED; rooms can go', async () => {
    await appendEvents(store, 'sys/users', 1);
    await appendEvents(store, 'rooms/a', 1);
    const expected = { code: Status.PERMISSION_DENIED, reason: 'TOPIC_RESERVED' };
    expect(await failureOf(topics.deleteTopic({ topic: 'sys/users' }))).toMatchObject(expected);
    expect(await topics.deleteTopic({ topic: 'rooms/a' })).toEqual({ headOffset: 1n });
  });
});

describe('CommitCursor', () => {
  it('moves a cursor forward, and back only if rewind is set', async () => {
    await appendEvents(store, 'orders', 5);
    const commit = async (offset: bigint, rewind = false) =>
      (await topics.commitCursor({ topic: 'orders', cursor: 'c', offset, rewind })).offset;
    expect([await commit(3n), await commit(2n), await commit(2n, true), await commit(5n)]).toEqual([3n, 3n, 2n, 5n]);
    const response = await topics.commitCursor({ topic: 'orders', cursor: 'd', offset: 1n });
    expect(response).toEqual({ offset: 1n, headOffset: 5n });
  });

  it('beyond the head is OFFSET_BEYOND_HEAD and names the head', async () => {
    await appendEvents(store, 'orders', 5);
    for (const offset of [6n, 2n ** 53n, HUGE]) {
      expect(await failureOf(topics.commitCursor({ topic: 'orders', cursor: 'c', offset }))).toMatchObject({
        code: Status.OUT_OF_RANGE,
        reason: 'OFFSET_BEYOND_HEAD',
        metadata: { head_offset: '5' },
      });
    }
  });
});

describe('GetProducer', () => {
  it('tells how far a producer has come on the topic', async () => {
    await appendEvents(store, 'orders', 2);
    await appendEvents(store, 'orders', 3, { producerId: 'p', firstSequence: 1 });
    expect(await topics.getProducer({ topic: 'orders', producerId: 'p' })).toEqual({
      lastSequence: 3n,
      lastOffset: 5n,
    });
  });

  it('of a producer that never wrote there is NOT_FOUND', async () => {
    await appendEvents(store, 'orders', 1, { producerId: 'p', firstSequence: 1 });
    for (const [topic, producerId] of [
      ['orders', 'q'],
      ['other', 'p'],
    ]) {
      const failure = await failureOf(topics.getProducer({ topic, producerId }));
      expect(failure).toMatchObject({ code: Status.NOT_FOUND, reason: 'PRODUCER_NOT_FOUND', resource: producerId });
    }
  });
});

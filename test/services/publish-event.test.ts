import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { v7 as uuid } from 'uuid';
import type { DeepPartial, PublishEventRequest } from '../../gen/leat/v1/event_service.js';
import { failureOf } from '../support/failed-call.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { logOf } from '../support/log-of.js';

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

const freshTopic = () => `t/${uuid()}`;
const text = (value: string) => ({ $case: 'text' as const, value });
const publish = (request: DeepPartial<PublishEventRequest>) => leat.events.publishEvent(request);

describe('PublishEvent', () => {
  it('answers when the event is in the log, with its place there', async () => {
    const topic = freshTopic();
    const event = { id: 'e1', type: 'order.created', subject: 'orders/1', payload: text('hello') };
    const first = await publish({ topic, event });
    expect(first).toMatchObject({ offset: 1n, duplicate: false });
    await expect(publish({ topic, event: { type: 'x' } })).resolves.toMatchObject({ offset: 2n });
    const [record] = await logOf(leat.store, topic);
    expect(record).toMatchObject({ offset: 1n, commitTime: first.commitTime, author: '', event });
  });

  it('names the caller as the author, whatever the event says', async () => {
    const topic = freshTopic();
    const { Metadata } = await import('nice-grpc');
    await leat.events.publishEvent(
      { topic, event: { type: 't', attributes: new Map([['author', 'eve']]) } },
      { metadata: Metadata({ 'leat-user': 'ada' }) },
    );
    await expect(logOf(leat.store, topic)).resolves.toMatchObject([{ author: 'ada' }]);
  });

  it('answers a repeated id with the first place and time, however the content was encoded', async () => {
    const topic = freshTopic();
    const pairs: [string, string][] = [
      ['a', '1'],
      ['b', '2'],
    ];
    const event = { id: 'e1', type: 't', attributes: new Map(pairs) };
    const first = await publish({ topic, event });
    await publish({ topic, event: { type: 'between' } });
    const again = await publish({ topic, event: { ...event, attributes: new Map(pairs.reverse()) } });
    expect(again).toEqual({ ...first, duplicate: true });
    expect(await logOf(leat.store, topic)).toHaveLength(2);
  });

  it('refuses an id that belongs to another event as ID_REUSED, and names where that is', async () => {
    const topic = freshTopic();
    await publish({ topic, event: { id: 'e1', type: 't', payload: text('a') } });
    const failure = await failureOf(publish({ topic, event: { id: 'e1', type: 't', payload: text('b') } }));
    expect(failure).toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'ID_REUSED' });
    expect(failure.metadata).toMatchObject({ id: 'e1', offset: '1' });
  });

  it('refuses a condition that does not hold as OFFSET_CONFLICT, with the current offset', async () => {
    const topic = freshTopic();
    await publish({ topic, event: { type: 't' }, expectedLastOffset: 0n });
    const failure = await failureOf(publish({ topic, event: { type: 't' }, expectedLastOffset: 0n }));
    expect(failure).toMatchObject({ code: Status.ABORTED, reason: 'OFFSET_CONFLICT', metadata: { last_offset: '1' } });
    const beyond = await failureOf(publish({ topic, event: { type: 't' }, expectedLastOffset: 2n ** 60n }));
    expect(beyond).toMatchObject({ reason: 'OFFSET_CONFLICT', metadata: { last_offset: '1' } });
    await expect(publish({ topic, event: { type: 't' }, expectedLastOffset: 1n })).resolves.toMatchObject({
      offset: 2n,
    });
  });

  it('answers a retried conditional append as the first time, though the condition holds no more', async () => {
    const topic = freshTopic();
    const request = { topic, event: { id: 'e1', type: 't' }, expectedLastOffset: 0n };
    const first = await publish(request);
    await publish({ topic, event: { type: 'later' } });
    await expect(publish(request)).resolves.toEqual({ ...first, duplicate: true });
  });

  it.each(['sys/users', 'sys/x', 'rooms/lobby'])('is refused for the reserved topic %s', async (topic) => {
    const failure = await failureOf(publish({ topic, event: { type: 't' } }));
    expect(failure).toMatchObject({ code: Status.PERMISSION_DENIED, reason: 'TOPIC_RESERVED', metadata: { topic } });
    expect(await logOf(leat.store, topic)).toEqual([]);
  });

  it('tells everything that is wrong at once', async () => {
    const event = {
      id: 'i'.repeat(129),
      subject: 's'.repeat(257),
      time: { seconds: -1n, nanos: -1 },
      attributes: new Map([['BAD', 'v']]),
      payload: text('x'.repeat(256 * 1024 + 1)),
    };
    const failure = await failureOf(publish({ topic: 'Bad Topic', event, expectedLastOffset: -1n }));
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: 'INVALID_FIELD' });
    expect(failure.violations.map(({ field }) => field)).toEqual([
      'topic',
      'expected_last_offset',
      'event.id',
      'event.type',
      'event.subject',
      'event.time.nanos',
      'event.text',
      'event.attributes["BAD"]',
    ]);
  });

  it('is refused without an event, and with one that says nothing', async () => {
    const topic = freshTopic();
    const fields = async (event?: object) =>
      (await failureOf(publish({ topic, event }))).violations.map((v) => v.field);
    expect(await fields()).toEqual(['event']);
    expect(await fields({})).toEqual(['event.type']);
    expect(await leat.store.topic(topic)).toBeUndefined();
  });

  it('takes a payload of exactly the limit, and survives a message above every limit', async () => {
    const topic = freshTopic();
    const data = (size: number) => ({ type: 't', payload: { $case: 'data' as const, value: new Uint8Array(size) } });
    await expect(publish({ topic, event: data(256 * 1024) })).resolves.toMatchObject({ offset: 1n });
    const failure = await failureOf(publish({ topic, event: data(5 * 1024 * 1024) }));
    expect(failure).toMatchObject({ code: Status.RESOURCE_EXHAUSTED, reason: 'MESSAGE_TOO_LARGE' });
    await expect(publish({ topic, event: data(1) })).resolves.toMatchObject({ offset: 2n });
  });

  it('takes 1,000 attributes for a violation, not for an error', async () => {
    const attributes = new Map(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 'v']));
    const failure = await failureOf(publish({ topic: freshTopic(), event: { type: 't', attributes } }));
    expect(failure.violations).toEqual(
      [{ field: 'event.attributes', description: 'must have at most 32 pairs, has 1000' }].map((violation) =>
        expect.objectContaining(violation),
      ),
    );
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { PublishProgress } from '../../gen/leat/v1/event_service.js';
import { failureOf } from '../support/failed-call.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';

const BATCH = [{ type: 't' }];
const MAX_TOPICS = 1_000;

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

/** A batch for each of so many topics, one more for the first of them, and then what fails. */
async function* overTopics(count: number, name: (index: number) => string, last: string) {
  for (let index = 0; index < count; index++) yield { topic: name(index), events: BATCH };
  yield { topic: name(0), events: BATCH };
  yield { topic: last, events: BATCH };
}

const longName = (index: number) => `long/${index}/`.padEnd(150, 'x');

describe('PublishEvents over many topics', () => {
  it('tells how far it came in an error that fits, and the connection lives', async () => {
    // On the same connection: it would be cut with it.
    const abort = new AbortController();
    const other = leat.events.listEvents({ topic: 'alive', follow: true }, { signal: abort.signal });
    const pages = other[Symbol.asyncIterator]();
    await pages.next();
    const failure = await failureOf(leat.events.publishEvents(overTopics(400, longName, 'sys/users')));
    expect(failure).toMatchObject({ code: Status.PERMISSION_DENIED, reason: 'TOPIC_RESERVED' });
    expect(failure.progress).toMatchObject({ committedMessages: 401n, topicsOmitted: true });
    const progress = PublishProgress.fromPartial(failure.progress ?? {});
    expect(PublishProgress.encode(progress).finish().length).toBeLessThan(2_048);
    expect(progress.topics.length).toBeGreaterThan(10);
    expect(progress.topics[0]).toEqual({ topic: longName(0), accepted: 2n, firstOffset: 1n, lastOffset: 2n });
    expect(progress.topics.at(-1)?.topic).toBe(longName(progress.topics.length - 1));
    await expect(leat.events.getTopic({ topic: longName(399) })).resolves.toMatchObject({ topic: { headOffset: 1n } });
    await leat.events.publishEvent({ topic: 'alive', event: { type: 't' } });
    await expect(pages.next()).resolves.toMatchObject({ value: { readOffset: 1n } });
    abort.abort();
    await leat.idle();
  });

  it('takes 1,000 and refuses one more, behind what is durable', async () => {
    const name = (index: number) => `many/${index}`;
    const accepted = leat.events.publishEvents(overTopics(MAX_TOPICS, name, name(1)));
    await expect(accepted).resolves.toMatchObject({ accepted: 1_002n, topics: { length: MAX_TOPICS } });
    const failure = await failureOf(leat.events.publishEvents(overTopics(MAX_TOPICS, name, 'many/more')));
    expect(failure).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      violations: [{ field: 'topic' }],
      progress: { committedMessages: 1_001n, topicsOmitted: true },
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import { TailState } from '../../gen/leat/v1/event.js';
import { EventServiceDefinition, PublishEventRequest, PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import { spawnServer } from '../support/child-server.js';
import { connectRaw, frame, type RawConnection } from '../support/raw-http2.js';
import { makeTempDir } from '../support/temp-dir.js';
import { fillTopic, startRig } from './leat-rig.js';

const EVENTS = 1_000_000;
const UNIT = 10_000;

describe('a filter that matches nothing in a million events', () => {
  it('lets other calls be served while it looks at them', async () => {
    await using rig = await startRig();
    for (let count = 0; count < EVENTS; count += UNIT) await fillTopic(rig.store, 'hay', UNIT, 8);
    const users = rig.test.client(UserServiceDefinition);
    const pages = rig.test
      .client(EventServiceDefinition)
      .listEvents({ topic: 'hay', filter: { subjects: ['needle'] } });
    let scanning = true;
    let served = 0;
    const serve = async () => {
      for (; scanning; served++) await users.listUsers({});
    };
    const serving = serve();
    let last;
    for await (const page of pages) last = page;
    scanning = false;
    await serving;
    expect(last).toMatchObject({ records: [], readOffset: BigInt(EVENTS), state: TailState.TAIL_STATE_COMPLETE });
    // A page looks at 4,096 events at most, and between two pages there is a turn for others.
    expect(served).toBeGreaterThan(EVENTS / 4_096 / 4);
  });
});

describe('streams of very many tiny events', () => {
  const STREAMS = 10;
  const MESSAGES = 5;

  const tiny = Array.from({ length: UNIT }, () => ({ type: 'a' }));
  const single = frame(
    PublishEventRequest.encode(PublishEventRequest.fromPartial({ topic: 'single', event: { type: 'a' } })).finish(),
  );

  /** Sends one stream of 10,000 events a message; resolves to its status. */
  function publishMany(connection: RawConnection, topic: string): Promise<number | undefined> {
    const message = PublishEventsRequest.encode(PublishEventsRequest.fromPartial({ topic, events: tiny })).finish();
    const { stream, ended } = connection.call('/leat.v1.EventService/PublishEvents');
    stream.end(Buffer.concat(Array.from({ length: MESSAGES }, () => frame(message))));
    return ended.then(({ status }) => status);
  }

  function publishOne(connection: RawConnection): Promise<number | undefined> {
    const { stream, ended } = connection.call('/leat.v1.EventService/PublishEvent');
    stream.end(single);
    return ended.then(({ status }) => status);
  }

  /** Ten streams, and how many single events were published meanwhile, each after the one before. */
  async function publishBeside(isOwnConnection: boolean): Promise<number> {
    await using dir = await makeTempDir();
    await using server = spawnServer({ 'data-dir': dir.path });
    const { grpcPort } = await server.serving;
    await using connection = await connectRaw(grpcPort);
    await using other = await connectRaw(grpcPort);
    let isPublishing = true;
    let published = 0;
    const publish = async () => {
      for (; isPublishing; published++) expect(await publishOne(isOwnConnection ? other : connection)).toBe(0);
    };
    const publishing = publish();
    const streams = Array.from({ length: STREAMS }, (_, stream) => publishMany(connection, `many-${stream}`));
    expect(await Promise.all(streams)).toEqual(Array.from({ length: STREAMS }, () => 0));
    isPublishing = false;
    await publishing;
    return published;
  }

  it.each([
    ['another connection', true],
    ['the same connection', false],
  ])('neither delay nor refuse the single events of %s', async (_which, isOwnConnection) => {
    // 50 messages, of which no more than a few may go before each single event.
    const published = await publishBeside(isOwnConnection);
    expect(published).toBeGreaterThan((STREAMS * MESSAGES) / 4);
  });
});

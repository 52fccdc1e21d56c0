import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createChannel, createClientFactory } from 'nice-grpc';
import { v7 as uuid } from 'uuid';
import {
  type DeepPartial,
  EventServiceDefinition,
  type PublishEventsRequest,
  type TopicPublished,
} from '../../gen/leat/v1/event_service.js';
import { startCuttingProxy } from '../support/cutting-proxy.js';
import { failureOf } from '../support/failed-call.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { logOf } from '../support/log-of.js';

type Batch = DeepPartial<PublishEventsRequest>;

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

const bad = ['none', 'none', 'no type', 'empty', 'taken id', 'condition', 'gap', 'reserved', 'topic'] as const;
const sketches = fc.array(
  fc.record({ topic: fc.nat(1), events: fc.integer({ min: 1, max: 4 }), size: fc.constantFrom(0, 0, 50_000) }),
  { minLength: 1, maxLength: 90, size: 'max' },
);

/** A batch that fails in one of many ways; its good events must not be in the log either. */
function failing(kind: (typeof bad)[number], topic: string): Batch {
  const events = [{ type: 'bad' }];
  switch (kind) {
    case 'none':
      return { topic, events: [{ type: 'last' }] };
    case 'no type':
      return { topic, events: [...events, {}] };
    case 'empty':
      return { topic };
    case 'taken id':
      return { topic, events: [...events, { id: 'taken', type: 'bad' }] };
    case 'condition':
      return { topic, events, expectedLastOffset: 0n };
    case 'gap':
      return { topic, events, producer: { producerId: 'p', firstSequence: 7n } };
    case 'reserved':
      return { topic: 'sys/users', events };
    case 'topic':
      return { topic: 'Not A Topic', events };
  }
}

async function* streamOf(batches: readonly Batch[]) {
  yield* batches;
}

/** What the log of the topics says of the first `committed` batches. */
async function totalsInLog(topics: readonly string[]): Promise<TopicPublished[]> {
  const logs = await Promise.all(topics.map(async (topic) => (await logOf(leat.store, topic)).slice(1)));
  return logs.flatMap((records, i) => {
    const [first, last] = [records[0], records.at(-1)];
    if (!first || !last) return [];
    const topic = topics[i] ?? '';
    return [{ topic, accepted: BigInt(records.length), firstOffset: first.offset, lastOffset: last.offset }];
  });
}

const byTopic = (list: readonly TopicPublished[]) => [...list].sort((a, b) => (a.topic < b.topic ? -1 : 1));

describe('a stream of batches, one of which fails', () => {
  it('leaves exactly the batches before it in the log, and says so', async () => {
    const property = fc.asyncProperty(sketches, fc.nat(), fc.constantFrom(...bad), async (sketch, place, kind) => {
      const topics = [`p/${uuid()}`, `p/${uuid()}`];
      for (const topic of topics) await leat.events.publishEvent({ topic, event: { id: 'taken', type: 'first' } });
      const batches = sketch.map(({ topic, events, size }, index): Batch => ({
        topic: topics[topic],
        events: Array.from({ length: events }, (_, i) => ({
          id: `${index}.${i}`,
          type: `b${index}`,
          payload: { $case: 'data', value: new Uint8Array(size) },
        })),
      }));
      const at = kind === 'none' ? batches.length : place % (batches.length + 1);
      const sent = kind === 'none' ? batches : batches.toSpliced(at, 0, failing(kind, topics[place % 2] ?? ''));
      const call = leat.events.publishEvents(streamOf(sent));
      const told = kind === 'none' ? (await call).topics : (await failureOf(call)).progress;
      const progress = Array.isArray(told) ? { committedMessages: BigInt(at), topics: told } : told;

      expect(progress?.committedMessages).toBe(BigInt(at));
      expect(byTopic(progress?.topics ?? [])).toEqual(byTopic(await totalsInLog(topics)));
      for (const [index, topic] of topics.entries()) {
        const expected = batches
          .slice(0, at)
          .flatMap(({ events = [] }, i) => (sketch[i]?.topic === index ? events : []));
        const log = (await logOf(leat.store, topic)).slice(1);
        expect(log.map(({ event }) => event?.id)).toEqual(expected.map(({ id }) => id));
      }
    });
    await fc.assert(property, { numRuns: 60 });
  });
});

describe('a stream that is cut', () => {
  it('leaves a prefix of whole batches in the log, whatever the byte, and sending all of it again completes it', async () => {
    let cuts = 0;
    const property = fc.asyncProperty(
      fc.nat(60_000),
      fc.array(fc.nat(3000), { minLength: 8, maxLength: 20 }),
      async (cutAt, sizes) => {
        const topic = `c/${uuid()}`;
        await using proxy = await startCuttingProxy(leat.grpcPort);
        proxy.plan({ toServer: cutAt });
        const batches = sizes.map((size, index) => ({
          topic,
          events: ['a', 'b'].map((part) => ({
            id: `${index}${part}`,
            type: 't',
            payload: { $case: 'data' as const, value: new Uint8Array(size) },
          })),
        }));
        const channel = createChannel(`127.0.0.1:${proxy.port}`, undefined, { 'grpc.enable_retries': 0 });
        const client = createClientFactory().create(EventServiceDefinition, channel);
        try {
          await client.publishEvents(streamOf(batches)).catch(() => undefined);
          await leat.idle();
          const ids = batches.flatMap(({ events }) => events.map(({ id }) => id));
          const found = (await logOf(leat.store, topic)).map(({ event }) => event?.id);
          expect(found).toEqual(ids.slice(0, found.length));
          expect(found.length % 2).toBe(0);
          cuts += proxy.cuts;
          const again = await leat.events.publishEvents(streamOf(batches));
          expect(again).toMatchObject({
            duplicates: BigInt(found.length),
            accepted: BigInt(ids.length - found.length),
          });
        } finally {
          channel.close();
        }
      },
    );
    await fc.assert(property, { numRuns: 40 });
    expect(cuts).toBeGreaterThan(10);
  });
});

import type {
  ListEventsRequest,
  PublishEventResponse,
  PublishEventsResponse,
} from '../../gen/leat/v1/event_service.js';
import type { CallContext } from 'nice-grpc-common';
import type { EventLimits } from '../domain/events/event-limits.js';
import { readListEvents } from '../domain/events/list-request.js';
import { appendBatch, appendOne } from '../domain/events/publish-requests.js';
import { createPublishStream } from '../domain/events/publish-stream.js';
import { startReading } from '../domain/events/start-reading.js';
import { timestampFromMs } from '../domain/timestamps.js';
import type { LeatCallContext } from '../middleware/call-context.js';
import type { ReadOptions, Store } from '../store/store.js';
import { takeEach } from '../streams/take-each.js';
import { tail } from '../streams/tail.js';
import { createTurns } from '../streams/turns.js';
import { createPageResponder, type OwnPage, type PageResponse } from './page-codec.js';
import {
  type EncodedPublishEvent,
  type EncodedPublishEvents,
  decodePublishEvent,
  decodePublishEvents,
} from './publish-codec.js';
import { toPublished, withProgress } from './publish-progress.js';
import { createTopicHandlers } from './topic-handlers.js';

export interface EventServiceDeps {
  readonly store: Store;
  readonly limits: EventLimits;
  /** For ListEvents without heartbeat_interval, in milliseconds. */
  readonly heartbeatMs: number;
}

/** The methods whose bytes pass through as they are; see withStrictCodec. */
export const eventCodecs = {
  publishEvent: { requestDeserialize: decodePublishEvent },
  publishEvents: { requestDeserialize: decodePublishEvents },
  listEvents: { responseSerialize: (response: PageResponse) => response.take() },
};

type Context = CallContext & LeatCallContext;

/** Pages of one stream that may wait in this process: one on its way to the socket, one to follow it at once. */
const PAGES_AHEAD = 2;

/** The handlers of EventService. */
export function createEventService({ store, limits, heartbeatMs }: EventServiceDeps) {
  const respond = createPageResponder();
  const takeTurn = createTurns();

  return {
    ...createTopicHandlers({ store }),

    async publishEvent(request: EncodedPublishEvent, { caller, peer }: Context): Promise<PublishEventResponse> {
      const [result] = await store.write([appendOne(request, caller, limits)], { flow: peer });
      const [existing] = result.existing;
      return {
        offset: BigInt(existing?.offset ?? result.firstOffset),
        commitTime: timestampFromMs(existing?.commitTimeMs ?? result.commitTimeMs),
        duplicate: existing !== undefined,
      };
    },

    async publishEvents(
      requests: AsyncIterable<EncodedPublishEvents>,
      { caller, peer, signal }: Context,
    ): Promise<PublishEventsResponse> {
      // The streams of one connection share a flow, and leave its single events alone.
      const stream = createPublishStream(store, `streams of ${peer}`);
      try {
        await takeEach(stream.untilFailure(requests), async (request) =>
          stream.add(await appendBatch(request, caller, limits, () => takeTurn(signal)), signal),
        );
        await stream.finish();
      } catch (error) {
        throw withProgress(await stream.firstError(error), signal, stream.totals);
      }
      const { accepted, duplicates } = stream.totals;
      return { accepted: BigInt(accepted), duplicates: BigInt(duplicates), topics: toPublished(stream.totals) };
    },

    async *listEvents(request: ListEventsRequest, { outbox, signal }: Context): AsyncGenerator<PageResponse> {
      const query = readListEvents(request, store.epoch, heartbeatMs);
      const { after, source } = await startReading(store, query);
      const ownPages = {
        ...source,
        readPage: async (from: number, bounds: ReadOptions): Promise<OwnPage> => ({
          ...(await source.readPage(from, bounds)),
        }),
      };
      // The first page of a call can be a long scan too, and hundreds of calls may come together.
      await takeTurn(signal);
      for await (const { page, state } of tail(ownPages, { ...query, after, signal, takeTurn })) {
        yield respond(page, state, query.tokens);
        // Only now is the next page read: a reader who stops holds what is on its way to the socket and nothing else.
        await outbox.waitUntilBelow(PAGES_AHEAD, signal);
      }
    },
  };
}

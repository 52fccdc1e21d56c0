import type { EventRecord } from '../../gen/leat/v1/event.js';
import { ListEventsResponse, type ListEventsRequest } from '../../gen/leat/v1/event_service.js';
import type { DeepPartial } from '../../gen/leat/v1/event_service.js';
import type { Store } from '../../src/store/store.js';
import type { LeatServer } from './leat-server.js';

/** All that the topic keeps, read from the store, past the service. */
export async function logOf(store: Store, topic: string): Promise<EventRecord[]> {
  const records: EventRecord[] = [];
  let after = ((await store.topic(topic))?.firstOffset ?? 1) - 1;
  for (;;) {
    const page = await store.readPage(topic, after);
    records.push(...ListEventsResponse.decode(page.bytes).records);
    after = page.scannedTo;
    if (after === page.head) return records;
  }
}

/** All responses of a call that ends by itself. */
export async function pagesOf(
  { events }: Pick<LeatServer, 'events'>,
  request: DeepPartial<ListEventsRequest>,
): Promise<ListEventsResponse[]> {
  const pages: ListEventsResponse[] = [];
  for await (const page of events.listEvents(request)) pages.push(page);
  return pages;
}

export const offsetsOf = (pages: readonly ListEventsResponse[]): number[] =>
  pages.flatMap(({ records }) => records.map(({ offset }) => Number(offset)));

/** Responses of a call that goes on, one by one. */
export function follow({ events }: Pick<LeatServer, 'events'>, request: DeepPartial<ListEventsRequest>) {
  const abort = new AbortController();
  const iterator = events.listEvents({ follow: true, ...request }, { signal: abort.signal })[Symbol.asyncIterator]();
  return {
    /** The next response; fails if the stream is over. */
    async next(): Promise<ListEventsResponse> {
      const result = await iterator.next();
      if (result.done) throw new Error('the stream has ended');
      return result.value;
    },
    iterator,
    /** Leaves, as a client does that has seen enough. */
    async [Symbol.asyncDispose]() {
      abort.abort();
      await iterator.next().catch(() => undefined);
    },
  };
}

import type { Page, ReadOptions, Store } from '../../store/store.js';
import type { ListQuery, StartPosition } from './list-request.js';

/** The offset after which a reader begins. The read itself refuses what is trimmed or beyond the head. */
export async function resolveStart(store: Store, topic: string, start: StartPosition): Promise<number> {
  switch (start.kind) {
    case 'after':
      return start.offset;
    case 'time':
      return (await store.offsetAtTime(topic, start.timeMs)) - 1;
    case 'first':
      return beforeFirst(store, topic);
    case 'last': {
      const head = (await store.topic(topic))?.headOffset ?? 0;
      return Math.max(await beforeFirst(store, topic), head - start.count);
    }
    case 'cursor':
      return (await store.cursor(topic, start.cursor))?.offset ?? beforeFirst(store, topic);
  }
}

async function beforeFirst(store: Store, topic: string): Promise<number> {
  return ((await store.topic(topic))?.firstOffset ?? 1) - 1;
}

/** A page of the query, and whether nothing of it can come after. */
export type QueryPage = Page & { readonly final?: boolean };

/** Reads pages as the query wants them: matching, and before its end in time. */
export function createPageSource(store: Store, query: ListQuery) {
  const { topic, matcher, beforeMs } = query;

  async function readBefore(timeMs: number, after: number, options: ReadOptions): Promise<QueryPage> {
    // The clock comes first: what is committed after it has passed the time is not before the time.
    const isPast = Date.now() >= timeMs;
    const end = await store.offsetAtTime(topic, timeMs);
    const page = await store.readPage(topic, after, { ...options, last: Math.min(end - 1, options.last ?? Infinity) });
    const isFixed = isPast || end <= page.head;
    return { ...page, final: isFixed && page.scannedTo >= end - 1 };
  }

  return {
    readPage(after: number, bounds: ReadOptions): Promise<QueryPage> {
      const options = { ...bounds, matcher };
      return beforeMs === undefined ? store.readPage(topic, after, options) : readBefore(beforeMs, after, options);
    },
    onWake: (callback: () => void) => store.onWake(topic, callback),
  };
}

import type { Page, ReadOptions, Store } from '../../store/store.js';
import { checkPosition } from './check-position.js';
import type { ListQuery, StartPosition } from './list-request.js';

/**
 * The offset after which a reader begins. The read itself refuses what is trimmed or beyond the head.
 * Errors: `precondition` EPOCH_CHANGED.
 */
export async function resolveStart(store: Store, topic: string, start: StartPosition): Promise<number> {
  switch (start.kind) {
    case 'after':
      return start.offset;
    case 'token':
      await checkPosition(store, topic, start.field, start.place);
      return start.place.offset;
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
  const info = await store.topic(topic);
  // A topic that was deleted is not known any more, and its offsets go on: then this is its head.
  return (info ? info.firstOffset : await store.offsetAtTime(topic, 0)) - 1;
}

/** A page of the query, and whether nothing of it can come after. */
export type QueryPage = Page & { readonly final?: boolean };

/** setTimeout takes no more; no stream lives that long. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Reads pages as the query wants them: matching, and before its end in time. */
export function createPageSource(store: Store, query: ListQuery) {
  const { topic, matcher, follow, beforeMs } = query;
  let isPast = false;

  /** Whether no event can be committed before the time any more. Matters to those who follow. */
  async function hasPassed(timeMs: number): Promise<boolean> {
    if (isPast || !follow || Date.now() < timeMs) return isPast;
    // What is being committed got its commit time before it can be seen; what comes behind this gets a later one.
    await store.write([]);
    return (isPast = true);
  }

  async function readBefore(timeMs: number, after: number, options: ReadOptions): Promise<QueryPage> {
    const passed = await hasPassed(timeMs);
    const end = await store.offsetAtTime(topic, timeMs);
    const page = await store.readPage(topic, after, { ...options, last: Math.min(end - 1, options.last ?? Infinity) });
    return { ...page, final: page.scannedTo >= end - 1 && (passed || (await isFixed(timeMs, end, page.head))) };
  }

  /** Whether an event stands at `end` that is not before the time: the topic may have grown since `end` was the head. */
  async function isFixed(timeMs: number, end: number, head: number): Promise<boolean> {
    return end <= head && (await store.offsetAtTime(topic, timeMs)) === end;
  }

  return {
    readPage(after: number, bounds: ReadOptions): Promise<QueryPage> {
      const options = { ...bounds, matcher };
      return beforeMs === undefined ? store.readPage(topic, after, options) : readBefore(beforeMs, after, options);
    },
    /** Calls back when the topic grew, and when the time has come. */
    onWake(callback: () => void): () => void {
      const end = store.onWake(topic, callback);
      const ms = (beforeMs ?? Infinity) + 1 - Date.now();
      const timer = ms > 0 && ms <= MAX_TIMER_MS ? setTimeout(callback, ms) : undefined;
      return () => {
        clearTimeout(timer);
        end();
      };
    },
  };
}

import type { ReadOptions, Store } from '../../store/store.js';
import { isDomainError } from '../errors.js';
import type { ListQuery } from './list-request.js';
import { type QueryPage, createPageSource, resolveStart } from './read-events.js';

/** Who trims a topic more often while one reader begins has other troubles. */
const MAX_STARTS = 5;

/**
 * Finds where a query begins and reads its pages from there. Between the two the topic may be trimmed: a reader that
 * named no offset then begins behind the trim, for it asked for what is kept.
 */
export async function startReading(store: Store, query: ListQuery) {
  const source = createPageSource(store, query);
  const { start, topic } = query;
  // The last ones of a later head are others: what is kept of those that were asked for is wanted.
  const resolveAgain = () => resolveStart(store, topic, start.kind === 'last' ? { kind: 'first' } : start);
  let hasBegun = false;

  async function readFirst(from: number, bounds: ReadOptions): Promise<QueryPage> {
    let after = from;
    for (let starts = 1; ; starts++) {
      try {
        return await source.readPage(after, bounds);
      } catch (error) {
        if (!isTrimmed(error) || starts === MAX_STARTS) throw error;
        const again = await resolveAgain();
        // The same place: the reader's own, and it is gone.
        if (again === after) throw error;
        after = again;
      }
    }
  }

  return {
    after: await resolveStart(store, topic, start),
    source: {
      ...source,
      async readPage(after: number, bounds: ReadOptions): Promise<QueryPage> {
        if (hasBegun) return source.readPage(after, bounds);
        const page = await readFirst(after, bounds);
        hasBegun = true;
        return page;
      },
    },
  };
}

function isTrimmed(error: unknown): boolean {
  return isDomainError(error) && error.reason === 'OFFSET_TRIMMED';
}

import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type { Store } from '../../src/store/store.js';

export interface OpenedStore {
  readonly store: Store;
  /** Opens what `store` left, after it was closed. */
  reopen(): Promise<Store>;
  /** Closes and removes everything. */
  dispose(): Promise<void>;
}

/** Opens a store of its own, empty. It sweeps what is trimmed within a second. */
export type OpenStore = () => Promise<OpenedStore>;

/** The store of a `describe` block, and names that no other test of it uses. */
export interface Subject {
  readonly store: Store;
  reopen(): Promise<Store>;
  /** A topic, id or producer that nobody used before. */
  fresh(prefix?: string): string;
}

/** One store for all tests of the block. */
export function sharedStore(open: OpenStore): Subject {
  return subject(open, beforeAll, afterAll);
}

/** A store for each test of the block. */
export function ownStore(open: OpenStore): Subject {
  return subject(open, beforeEach, afterEach);
}

function subject(open: OpenStore, before: typeof beforeAll, after: typeof afterAll): Subject {
  let opened: OpenedStore | undefined;
  let names = 0;
  function current(): OpenedStore {
    if (!opened) throw new Error('the store is not open');
    return opened;
  }
  before(async () => {
    opened = await open();
  });
  after(async () => {
    await opened?.dispose();
    opened = undefined;
  });
  return {
    get store() {
      return current().store;
    },
    reopen: () => current().reopen(),
    fresh: (prefix = 'topic') => `${prefix}-${(names += 1)}`,
  };
}

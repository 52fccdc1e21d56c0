import type { Place } from './checkpoint.js';

/** Stores how far a reader has come, not too often, one write at a time, the newest place only. */
export interface PlaceKeeper {
  /** Everything up to the place is done. */
  done(place: Place): void;
  /** Stores what is not stored yet. Throws what storing failed with, also if it was earlier. */
  flush(): Promise<void>;
}

export interface KeeperOptions {
  /** Shortest time between two writes, in milliseconds. */
  readonly intervalMs: number;
  readonly write: (place: Place) => Promise<void>;
  /** Whether a failure passes by itself: then the next write is the next try. */
  readonly isPassing: (error: unknown) => boolean;
  /** Nothing will be stored any more; `flush` throws the error too. */
  readonly onFailure: (error: unknown) => void;
}

export function createPlaceKeeper({ intervalMs, write, isPassing, onFailure }: KeeperOptions): PlaceKeeper {
  let newest: Place | undefined;
  let stored: bigint | undefined;
  let failure: { readonly error: unknown; readonly final: boolean } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  async function store(): Promise<void> {
    const place = newest;
    newest = undefined;
    if (place === undefined || failure?.final === true) return;
    try {
      await write(place);
      stored = place.offset;
      failure = undefined;
    } catch (error) {
      failure = { error, final: !isPassing(error) };
      newest ??= place;
    }
  }

  function storeInTurn(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.then(store);
    return writing;
  }

  async function storeLater(): Promise<void> {
    await storeInTurn();
    if (failure?.final === true) onFailure(failure.error);
    else if (newest !== undefined) arm();
  }

  const arm = () => void (timer ??= setTimeout(() => void storeLater(), intervalMs));

  return {
    done(place) {
      if (newest === undefined && place.offset === stored) return;
      newest = place;
      if (failure?.final !== true) arm();
    },
    async flush() {
      await storeInTurn();
      if (failure !== undefined) throw failure.error;
    },
  };
}

/** Keeps nothing. */
export const noKeeper: PlaceKeeper = { done: () => undefined, flush: () => Promise.resolve() };

import { setImmediate as turn } from 'node:timers/promises';
import type { PageBounds, TailPage, TailSource } from '../../src/streams/tail.js';

export interface ModelPage extends TailPage {
  /** The offsets that matched. */
  readonly matches: readonly number[];
}

/** What a hint does: reaches its subscribers now, reaches them a turn later together with others, or is lost. */
export type WakeMode = 'now' | 'merged' | 'lost';

export interface ModelOptions {
  /** A page ends after so many events. Default: 4. */
  readonly pageScan?: number;
  /** A page ends after so many matches. Default: 2. */
  readonly pageMatches?: number;
  /** Turns of the event loop between the call and the look at the log, and between the look and the answer. */
  readonly turnsBefore?: number;
  readonly turnsAfter?: number;
}

export class TrimmedError extends Error {
  constructor(readonly firstOffset: number) {
    super(`first offset is ${firstOffset}`);
  }
}

/** A log in memory that answers like a store does: late, in bounded pages, with unreliable hints. */
export class ModelLog implements TailSource<ModelPage> {
  readonly #subscribers = new Set<() => void>();
  readonly #events: boolean[] = [];
  #firstOffset = 1;
  #merged = false;
  /** Reads that were asked for. */
  reads = 0;
  /** Reads that have not been answered. */
  reading = 0;
  wakeMode: WakeMode = 'now';

  constructor(readonly options: ModelOptions = {}) {}

  get head(): number {
    return this.#events.length;
  }

  get firstOffset(): number {
    return this.#firstOffset;
  }

  get subscriptions(): number {
    return this.#subscribers.size;
  }

  /** Whether a hint waits to be passed on. */
  get hintPending(): boolean {
    return this.#merged;
  }

  /** Appends an event for each flag: whether it matches. */
  append(...events: readonly boolean[]): void {
    this.#events.push(...events);
    if (this.wakeMode === 'now') this.ring();
    if (this.wakeMode === 'merged') this.#ringLater();
  }

  trim(firstOffset: number): void {
    this.#firstOffset = Math.max(this.#firstOffset, Math.min(firstOffset, this.head + 1));
  }

  ring(): void {
    for (const callback of [...this.#subscribers]) callback();
  }

  #ringLater(): void {
    if (this.#merged) return;
    this.#merged = true;
    setImmediate(() => {
      this.#merged = false;
      this.ring();
    });
  }

  /** The offsets in `(after, last]` that match. */
  matches(after: number, last: number): number[] {
    return this.#events.flatMap((match, index) => (match && index + 1 > after && index + 1 <= last ? [index + 1] : []));
  }

  onWake(callback: () => void): () => void {
    // One function per subscription, so that the set counts them.
    const subscriber = (): void => callback();
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  async readPage(after: number, bounds: PageBounds): Promise<ModelPage> {
    this.reads += 1;
    this.reading += 1;
    try {
      await turns(this.options.turnsBefore ?? 0);
      const page = this.#look(after, bounds);
      await turns(this.options.turnsAfter ?? 0);
      return page;
    } finally {
      this.reading -= 1;
    }
  }

  #look(after: number, { limit = Infinity, last = Infinity }: PageBounds): ModelPage {
    if (after + 1 < this.#firstOffset) throw new TrimmedError(this.#firstOffset);
    const { pageScan = 4, pageMatches = 2 } = this.options;
    const end = Math.min(after + pageScan, last, this.head);
    const matches: number[] = [];
    let scannedTo = after;
    while (scannedTo < end && matches.length < Math.min(limit, pageMatches)) {
      scannedTo += 1;
      if (this.#events[scannedTo - 1] === true) matches.push(scannedTo);
    }
    return { count: matches.length, scannedTo, head: this.head, matches };
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await turn();
}

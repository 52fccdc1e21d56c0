import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { tail } from '../../src/streams/tail.js';
import type { ReaderState, TailItem } from '../../src/streams/tail.js';
import { ModelLog, TrimmedError } from './model-log.js';
import type { ModelOptions, ModelPage, WakeMode } from './model-log.js';
import { never } from './tail-helpers.js';

type Command =
  | { readonly kind: 'append'; readonly events: readonly boolean[]; readonly wake: WakeMode }
  | { readonly kind: 'turns'; readonly count: number }
  | { readonly kind: 'ring' }
  | { readonly kind: 'trim'; readonly back: number }
  | { readonly kind: 'cut'; readonly how: 'abort' | 'return' };

function commands(wakes: readonly WakeMode[]): fc.Arbitrary<Command[]> {
  const events = fc.array(fc.boolean(), { minLength: 1, maxLength: 7 });
  const append = fc.record({ kind: fc.constant('append' as const), events, wake: fc.constantFrom(...wakes) });
  const turns = fc.record({ kind: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 6 }) });
  return fc.array(
    fc.oneof(
      { weight: 6, arbitrary: append },
      { weight: 6, arbitrary: turns },
      { weight: 2, arbitrary: fc.constant<Command>({ kind: 'ring' }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('trim' as const), back: fc.nat(6) }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('cut' as const), how: fc.constantFrom('abort', 'return') }),
      },
    ),
    { maxLength: 40 },
  );
}

const model: fc.Arbitrary<Required<ModelOptions>> = fc.record({
  pageScan: fc.integer({ min: 1, max: 5 }),
  pageMatches: fc.integer({ min: 1, max: 3 }),
  turnsBefore: fc.nat(3),
  turnsAfter: fc.nat(3),
});

/** A reader that is cut and resumes from the last position it was told, again and again. */
class Reader {
  readonly transcript: number[] = [];
  /** Ranges that were trimmed before they were read: `(after, first)`. */
  readonly missed: [number, number][] = [];
  readonly sessions: ReaderState[][] = [];
  cursor = 0;
  #stopping = false;
  #abort = new AbortController();
  #items: AsyncGenerator<TailItem<ModelPage>, void> | undefined;

  constructor(
    readonly log: ModelLog,
    readonly heartbeatMs: number,
  ) {}

  async run(): Promise<void> {
    while (!this.#stopping) {
      this.#abort = new AbortController();
      const options = { after: this.cursor, follow: true, heartbeatMs: this.heartbeatMs, signal: this.#abort.signal };
      this.#items = tail(this.log, options);
      const states: ReaderState[] = [];
      this.sessions.push(states);
      try {
        for await (const { page, state } of this.#items) {
          this.transcript.push(...page.matches);
          this.cursor = page.scannedTo;
          states.push(state);
        }
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  #failed(error: unknown): void {
    if (error instanceof TrimmedError) {
      this.missed.push([this.cursor, error.firstOffset]);
      this.cursor = error.firstOffset - 1;
    } else if ((error as Error).name !== 'AbortError') {
      throw error;
    }
  }

  cut(how: 'abort' | 'return'): void {
    if (how === 'abort') this.#abort.abort();
    else void this.#items?.return();
  }

  stop(): void {
    this.#stopping = true;
    this.cut('abort');
  }

  /** What the transcript has to be by now. */
  expected(): number[] {
    const missed = (offset: number): boolean => this.missed.some(([after, first]) => offset > after && offset < first);
    return this.log.matches(0, this.log.head).filter((offset) => !missed(offset));
  }
}

async function carryOut(command: Command, log: ModelLog, reader: Reader): Promise<void> {
  switch (command.kind) {
    case 'append':
      log.wakeMode = command.wake;
      log.append(...command.events);
      break;
    case 'turns':
      for (let i = 0; i < command.count; i += 1) await turn();
      break;
    case 'ring':
      log.ring();
      break;
    case 'trim':
      log.trim(log.head + 1 - command.back);
      break;
    case 'cut':
      reader.cut(command.how);
      break;
  }
}

/** Turns until nothing moves any more: no read, no hint under way, for longer than any step takes. */
async function untilQuiet(log: ModelLog): Promise<void> {
  let quiet = 0;
  let reads = log.reads;
  while (quiet < 10) {
    await turn();
    quiet = log.reading === 0 && !log.hintPending && log.reads === reads ? quiet + 1 : 0;
    reads = log.reads;
  }
}

function checkStates(reader: Reader): void {
  for (const states of reader.sessions) {
    const firstLive = states.indexOf('live');
    const before = firstLive < 0 ? states : states.slice(0, firstLive);
    expect(before.every((state) => state === 'replaying')).toBe(true);
    expect(states.slice(before.length)).not.toContain('replaying');
    expect(states).not.toContain('complete');
  }
}

async function follow(
  script: readonly Command[],
  options: ModelOptions,
  heartbeatMs: number,
  settle: (log: ModelLog, reader: Reader) => Promise<void>,
): Promise<void> {
  const log = new ModelLog(options);
  const reader = new Reader(log, heartbeatMs);
  const running = reader.run();
  try {
    for (const command of script) await carryOut(command, log, reader);
    await settle(log, reader);
    expect(reader.transcript).toEqual(reader.expected());
    checkStates(reader);
  } finally {
    reader.stop();
    await running;
    expect(log.subscriptions).toBe(0);
  }
}

describe('a tail that is cut and resumed at random while the log grows and is trimmed', () => {
  it('misses nothing and repeats nothing, by hints alone, when they are merged or mean nothing', async () => {
    const property = fc.asyncProperty(commands(['now', 'merged']), model, (script, options) =>
      follow(script, options, never, untilQuiet),
    );
    await fc.assert(property, { numRuns: 500 });
  });

  it('misses nothing and repeats nothing when hints are lost, by its heartbeat', async () => {
    const property = fc.asyncProperty(commands(['now', 'merged', 'lost']), model, (script, options) =>
      follow(script, options, 1, async (log, reader) => {
        while (reader.cursor < log.head) await turn();
      }),
    );
    await fc.assert(property, { numRuns: 200 });
  });

  it('ends exactly at the end asked for, whatever is appended meanwhile', async () => {
    const bounds = fc.record({
      follow: fc.boolean(),
      last: fc.option(fc.nat(30), { nil: undefined }),
      limit: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    });
    const batches = fc.array(fc.array(fc.boolean(), { maxLength: 5 }), { minLength: 1, maxLength: 8 });
    const property = fc.asyncProperty(batches, bounds, fc.nat(4), model, async (appends, options, after, log) => {
      await endsAt(appends, options, after, new ModelLog(log));
    });
    await fc.assert(property, { numRuns: 500 });
  });
});

async function endsAt(
  appends: readonly (readonly boolean[])[],
  bounds: { follow: boolean; last?: number; limit?: number },
  skip: number,
  log: ModelLog,
): Promise<void> {
  log.append(...(appends[0] ?? []));
  const after = Math.min(skip, log.head);
  const items = tail(log, { ...bounds, after, heartbeatMs: never, signal: new AbortController().signal });
  const seen: TailItem<ModelPage>[] = [];
  const reading = (async () => {
    for await (const item of items) seen.push(item);
  })();
  for (const batch of appends.slice(1)) {
    await turn();
    log.append(...batch);
  }
  // So much that every end but the head of the start, which is there already, is reached.
  log.append(...Array<boolean>(60).fill(true));
  if (!bounds.follow || bounds.last !== undefined || bounds.limit !== undefined) await reading;
  else await untilQuiet(log);
  await items.return();

  const startHead = bounds.follow ? Infinity : (seen[0]?.page.head ?? 0);
  const wanted = log.matches(after, Math.min(startHead, bounds.last ?? Infinity));
  expect(seen.flatMap(({ page }) => page.matches)).toEqual(wanted.slice(0, bounds.limit));
  const ended = !bounds.follow || bounds.last !== undefined || bounds.limit !== undefined;
  expect(seen.filter(({ state }) => state === 'complete')).toHaveLength(ended ? 1 : 0);
  if (ended) expect(seen.at(-1)?.state).toBe('complete');
  expect(log.subscriptions).toBe(0);
}

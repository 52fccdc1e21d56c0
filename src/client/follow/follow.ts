import { isAbortError, throwIfAborted } from 'abort-controller-x';
import { Event, type EventRecord } from '../../../gen/leat/v1/event.js';
import type { EventClient } from '../event-client.js';
import { LeatError } from '../leat-error.js';
import { linkSignals } from '../link-signals.js';
import { formatCheckpoint } from './checkpoint.js';
import { checkSameEvent, commitTimeOf, findPlace } from './find-place.js';
import type { Follow, FollowedEvent, FollowOptions } from './follow-options.js';
import { toEnd, toFilter } from './follow-request.js';
import { createStatusBoard, type StatusBoard } from './follow-status.js';
import type { PlaceKeeper } from './keep-place.js';
import { openKeeper } from './open-keeper.js';
import { readPages, type ReadOptions } from './read-pages.js';

/** Notes something that is running, with how to end it; returns how to forget it. */
export type Track = (end: () => Promise<unknown>) => () => void;

type Events = AsyncGenerator<FollowedEvent, void, undefined>;

/** See `LeatClient.follow`. */
export function follow(events: EventClient, topic: string, options: FollowOptions, track: Track): Follow {
  const stop = new AbortController();
  const board = createStatusBoard(options.onState);
  const reading = readEvents();
  let returned = false;

  async function* readEvents(): Events {
    const forget = track(end);
    const linked = linkSignals(options.signal, stop.signal);
    let failure: { readonly error: unknown } | undefined;
    const keeper = openKeeper(events, topic, options, (error) => {
      failure ??= { error };
      stop.abort();
    });
    try {
      yield* deliver(events, topic, options, { signal: linked.signal, keeper, board });
    } catch (error) {
      failure ??= { error };
      throw isAbortError(failure.error) ? failure.error : LeatError.from(failure.error);
    } finally {
      linked.unlink();
      forget();
      board.ended();
      // What the reading failed with is told, if both do.
      await keeper.flush().catch((error: unknown) => {
        if (failure === undefined) throw LeatError.from(error);
      });
    }
  }

  async function next(): Promise<IteratorResult<FollowedEvent, void>> {
    try {
      return await reading.next();
    } catch (error) {
      // Somebody called return() while somebody else waited here.
      if (returned && isAbortError(error)) return { done: true, value: undefined };
      throw error;
    }
  }

  async function end(): Promise<IteratorResult<FollowedEvent, void>> {
    returned = true;
    stop.abort();
    return reading.return();
  }

  return {
    get status() {
      return board.current;
    },
    next,
    return: end,
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}

interface Reader {
  readonly signal: AbortSignal;
  readonly keeper: PlaceKeeper;
  readonly board: StatusBoard;
}

async function* deliver(
  events: EventClient,
  topic: string,
  options: FollowOptions,
  { signal, keeper, board }: Reader,
): Events {
  throwIfAborted(signal);
  const settings: ReadOptions = { ...options, signal, onSetback: (setback) => board.setback(setback) };
  const place = await findPlace(events, topic, options, settings);
  board.begin(place.offset);
  const start = { position: { $case: 'resumeToken', value: place.token } } as const;
  const { live: follow = true, before, filter } = options;
  const request = { topic, start, follow, end: toEnd(before), filter: toFilter(filter) };
  let left = Number(options.limit ?? 0) || Infinity;
  let token = place.token;
  for await (const page of readPages(events, request, { ...settings, maxFirstAttempts: undefined })) {
    board.page(page);
    for (const record of page.records) {
      // Checked before, but the store may have been restored since.
      if (record.offset === place.offset) checkSameEvent(topic, place, record);
      if (record.offset <= place.offset) continue;
      board.read(record.offset);
      yield toFollowed(record, token);
      // The next one was asked for, so this one is done.
      keeper.done({ offset: record.offset, token, commitTimeMs: commitTimeOf(record) });
      throwIfAborted(signal);
      if (--left <= 0) return;
    }
    token = page.resumeToken;
    // Another filter may pass over the place in several pages: it never moves back.
    if (page.readOffset < place.offset) continue;
    board.done(page);
    keeper.done({ offset: page.readOffset, token });
  }
}

function toFollowed(record: EventRecord, token: string): FollowedEvent {
  const { offset, commitTime, author, event } = record;
  return {
    offset,
    commitTime,
    author,
    event: event ?? Event.fromPartial({}),
    // Made when it is asked for: most events are not the last one.
    get checkpoint() {
      return formatCheckpoint({ offset, token, commitTimeMs: commitTimeOf(record) });
    },
  };
}

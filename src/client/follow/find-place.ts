import { Status } from 'nice-grpc';
import type { EventRecord } from '../../../gen/leat/v1/event.js';
import { persevere } from '../attempts.js';
import type { EventClient } from '../event-client.js';
import { LeatError } from '../leat-error.js';
import { refuseEmptyOption } from '../refuse-empty-option.js';
import { invalidCheckpoint, parseCheckpoint, type Place } from './checkpoint.js';
import type { FollowOptions, FollowStart } from './follow-options.js';
import { toStart, type PlainStart } from './follow-request.js';
import { readPages, type ReadOptions } from './read-pages.js';

/**
 * Where a reader begins, as a place with a token: by what is stored, or else by `start`. Asks the service once, so that
 * from the very first event on every place has a token of the store that it belongs to. For a checkpoint with a commit
 * time it also reads the event at its offset, once.
 * Errors: INVALID_CHECKPOINT, OFFSET_BEYOND_HEAD, EPOCH_CHANGED, and those of ListEvents.
 */
export async function findPlace(
  events: EventClient,
  topic: string,
  options: FollowOptions,
  settings: ReadOptions,
): Promise<Place> {
  const start = (await storedStart(events, topic, options, settings)) ?? options.start ?? 'first';
  const locate = (at: PlainStart) => locateStart(events, topic, at, settings);
  if (typeof start === 'string' || !('checkpoint' in start)) return locate(start);

  const place = parseCheckpoint(start.checkpoint);
  const found = await locateCheckpoint(topic, place, locate);
  await checkStoredEvent(events, topic, place, settings);
  return found;
}

async function locateCheckpoint(
  topic: string,
  place: Place,
  locate: (at: PlainStart) => Promise<LocatedPlace>,
): Promise<Place> {
  const fromToken = () => locate({ resumeToken: place.token });
  try {
    return checkedPlace(topic, place, await fromToken());
  } catch (error) {
    // The token is good, but a page began there of which the trimmed part was done.
    if (!isTrimmedUpTo(error, place.offset)) throw error;
  }
  const found = await locate({ afterOffset: place.offset });
  // An offset alone fits any store. That the token is still good says that the store was not restored meanwhile.
  await fromToken().catch((error: unknown) => {
    if (!isTrimmedUpTo(error, place.offset)) throw error;
  });
  return found;
}

/** The place, if it can be one of the log in which its token was found. */
function checkedPlace(topic: string, place: Place, found: LocatedPlace): Place {
  if (place.offset < found.offset) throw invalidCheckpoint();
  if (place.offset > found.headOffset) throw beyondHead(topic, place.offset, found.headOffset);
  return place;
}

/**
 * Throws EPOCH_CHANGED if the topic holds another event at the checkpoint's offset. Reads it without the caller's filter
 * and by its offset: the filter may pass over it, and a token may be from before it. A trimmed event cannot be checked.
 */
async function checkStoredEvent(
  events: EventClient,
  topic: string,
  place: Place,
  settings: ReadOptions,
): Promise<void> {
  const { offset, commitTimeMs } = place;
  if (commitTimeMs === undefined) return;
  const start = toStart({ afterOffset: offset - 1n });
  const request = { topic, start, end: { $case: 'beforeOffset', value: offset + 1n } } as const;
  try {
    for await (const { records } of readPages(events, request, settings)) {
      for (const record of records) checkSameEvent(topic, place, record);
    }
  } catch (error) {
    if (!(error instanceof LeatError) || error.reason !== 'OFFSET_TRIMMED') throw error;
  }
}

/** Throws EPOCH_CHANGED if the event at the place's offset is not the one that the checkpoint was saved for. */
export function checkSameEvent(topic: string, { offset, commitTimeMs }: Place, record: EventRecord): void {
  if (commitTimeMs === undefined || commitTimeMs === commitTimeOf(record)) return;
  throw new LeatError(
    `topic "${topic}" holds another event at offset ${offset} than when this checkpoint was saved, because the store ` +
      'was restored from a backup; check which events are missing before you begin anew',
    { code: Status.FAILED_PRECONDITION, reason: 'EPOCH_CHANGED', metadata: { topic, offset: `${offset}` } },
  );
}

/** In milliseconds since the epoch, rounded down. */
export function commitTimeOf({ commitTime }: EventRecord): number | undefined {
  return commitTime && Number(commitTime.seconds) * 1000 + Math.floor(commitTime.nanos / 1e6);
}

interface LocatedPlace extends Place {
  readonly headOffset: bigint;
}

/** Reads nothing: a range that ends before the first offset is complete at once, wherever it begins. */
export async function locateStart(
  events: EventClient,
  topic: string,
  start: PlainStart,
  settings: ReadOptions,
): Promise<LocatedPlace> {
  const request = { topic, start: toStart(start), end: { $case: 'beforeOffset', value: 1n } } as const;
  for await (const page of readPages(events, request, settings)) {
    return { offset: page.readOffset, token: page.resumeToken, headOffset: page.headOffset };
  }
  throw new LeatError('the service did not say where the reading begins', { code: Status.INTERNAL, reason: 'NO_PAGE' });
}

/** A position of an earlier run of a store that was restored from a backup, or of another store. */
function beyondHead(topic: string, offset: bigint, headOffset: bigint): LeatError {
  const message =
    `topic "${topic}" ends at offset ${headOffset}, but this checkpoint is at ${offset}: it is from another store, ` +
    'or from before a restore; check which events are missing before you begin anew';
  const metadata = { topic, head_offset: `${headOffset}` };
  return new LeatError(message, { code: Status.OUT_OF_RANGE, reason: 'OFFSET_BEYOND_HEAD', metadata });
}

function isTrimmedUpTo(error: unknown, offset: bigint): boolean {
  if (!(error instanceof LeatError)) return false;
  const { reason, metadata } = error;
  return reason === 'OFFSET_TRIMMED' && BigInt(metadata.first_offset ?? offset + 2n) <= offset + 1n;
}

async function storedStart(
  events: EventClient,
  topic: string,
  { checkpoint, start }: FollowOptions,
  settings: ReadOptions,
): Promise<FollowStart | undefined> {
  if (checkpoint === undefined) return undefined;
  if ('load' in checkpoint) {
    const loaded = await checkpoint.load();
    return loaded === undefined || loaded === null ? undefined : { checkpoint: loaded };
  }
  const { cursor } = checkpoint;
  refuseEmptyOption('checkpoint.cursor', cursor);
  if (start === undefined) return { cursor };
  const known = await persevere(() => hasCursor(events, topic, cursor, settings.signal), settings);
  return known ? { cursor } : undefined;
}

async function hasCursor(events: EventClient, topic: string, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { cursors } = await events.getTopic({ topic }, { signal });
    return cursors.some(({ cursor }) => cursor === name);
  } catch (error) {
    if (error instanceof LeatError && error.reason === 'TOPIC_NOT_FOUND') return false;
    throw error;
  }
}

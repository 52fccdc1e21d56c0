import type { Event, EventRecord } from '../../../gen/leat/v1/event.js';
import type { BackoffOptions } from '../backoff.js';
import type { LeatError } from '../leat-error.js';

/** Where to begin. */
export type FollowStart =
  /** The first event that the topic still keeps. */
  | 'first'
  /** Only what is new. */
  | 'now'
  /** Behind the event that this was the `checkpoint` of. */
  | { readonly checkpoint: string }
  /** Behind this offset; 0 insists on the very first event. */
  | { readonly afterOffset: bigint | number }
  /** With the first event committed at or after this time. */
  | { readonly fromTime: Date }
  /** With the last so many events, counted before the filter; 0 to 100,000. */
  | { readonly last: number }
  /** Where a page of ListEvents ended. */
  | { readonly resumeToken: string }
  /** Where a named cursor stands; one that was never committed begins at the first event. */
  | { readonly cursor: string };

/** Which events to deliver: all parts that are given must match. */
export interface FollowFilter {
  /** Any of these types; "order.*" matches a prefix. */
  readonly types?: readonly string[];
  /** Any of these subjects. */
  readonly subjects?: readonly string[];
  /** All of these attributes. */
  readonly attributes?: Readonly<Record<string, string>> | ReadonlyMap<string, string>;
}

/** Where a reader's place is kept from process to process, in the caller's hands: a file, a table. */
export interface CheckpointStore {
  /**
   * The checkpoint that was saved last; undefined (or null) if none was. Called once, at the start. An empty text is
   * refused (INVALID_CHECKPOINT): it is what is left of a file that was not written completely.
   */
  load(): string | undefined | null | Promise<string | undefined | null>;
  /** Keeps a checkpoint. Never called again before it is done; what it throws ends the reading. */
  save(checkpoint: string): void | Promise<void>;
}

/** A named cursor of the topic, kept by the service: any process goes on from there, and GetTopic tells its lag. */
export interface CursorStore {
  readonly cursor: string;
}

export interface FollowOptions {
  /** Where to begin, if `checkpoint` has nothing stored yet. Default: 'first'. */
  readonly start?: FollowStart;
  readonly filter?: FollowFilter;
  /**
   * Where the place is kept, about once a second and at the end, for events that are done: an event is done when the
   * next one is asked for. The event at which a loop is left comes again; so every event is handled at least once.
   */
  readonly checkpoint?: CheckpointStore | CursorStore;
  /** Time between two saves, in milliseconds. Default: 1,000. */
  readonly saveIntervalMs?: number;
  /** False: end at the head as it is at the start. Default: true, never end. */
  readonly live?: boolean;
  /** End after so many events. Default: no limit. */
  readonly limit?: bigint | number;
  /** End before this offset, or before what is committed at or after this time. Default: no end. */
  readonly before?: bigint | number | Date;
  /** Ends the reading with an AbortError, after saving what is done. */
  readonly signal?: AbortSignal;
  /** Called when the state changes, and at every lost connection. What it throws ends the reading. */
  readonly onState?: (status: FollowStatus) => void;
  /**
   * The service sends something at least this often, in milliseconds, 1,000 to 60,000; without a sign of life for three
   * times as long the stream is given up and opened again. Default: 15,000.
   */
  readonly heartbeatMs?: number;
  readonly backoff?: BackoffOptions;
  /** Tries in a row that may fail before their failure is thrown. Default: no limit. */
  readonly maxAttempts?: number;
  /** The same until something came for the first time; 1: an address where nobody listens fails. Default: maxAttempts. */
  readonly maxFirstAttempts?: number;
}

/**
 * - `connecting`: nothing has come yet.
 * - `replaying`: handling what was there before, or what came while the connection was lost.
 * - `live`: everything is handled; what is committed now arrives now.
 * - `fell-behind`: was live, and is slower than the writers now.
 * - `reconnecting`: the stream was lost; `error` says why.
 * - `ended`: nothing will come any more.
 */
export type FollowState = 'connecting' | 'replaying' | 'live' | 'fell-behind' | 'reconnecting' | 'ended';

/** How a reader is doing. */
export interface FollowStatus {
  readonly state: FollowState;
  /** Everything up to here was delivered, or did not match; -1 until it is known where the reading begins. */
  readonly readOffset: bigint;
  /** The topic's last offset, as far as the reader was told; -1 until something has come. */
  readonly headOffset: bigint;
  /** How many offsets the reader is behind the head; 0 until something has come. */
  readonly lag: bigint;
  /** While reconnecting: what was wrong, how often in a row, and when it is tried again, in milliseconds. */
  readonly error?: LeatError;
  readonly attempt?: number;
  readonly retryInMs?: number;
}

/** An event in its place. */
export interface FollowedEvent extends EventRecord {
  readonly event: Event;
  /** Begin here (`start: {checkpoint}`) to go on behind this event. Opaque, at most 300 characters. */
  readonly checkpoint: string;
}

/** A topic that is being read. Can be iterated once. */
export interface Follow extends AsyncIterableIterator<FollowedEvent, void, undefined> {
  readonly status: FollowStatus;
  /** Ends the reading, also while somebody waits for the next event, and saves what is done. */
  return(): Promise<IteratorResult<FollowedEvent, void>>;
  [Symbol.asyncIterator](): Follow;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * The ports of the store. Everything above knows only this file, `files.ts`, `byte-store.ts` and `encoding/`; drivers
 * live below (`sqlite/` and `bytes/`, later `postgres/`) and are named by `server/` alone. `test/store-suite` runs over every driver.
 *
 * Offsets, counts, sizes and sequences are `number` (whole, up to 2^53 - 1), times are milliseconds since 1970.
 * All errors are `DomainError`s: see each method. Besides those every method may throw `unavailable` (STORE_CLOSED,
 * OUTCOME_UNKNOWN), `exhausted` (DISK_FULL, OVERLOADED) and `data-loss` (CHECKSUM_MISMATCH).
 */
import type { EventRun } from './encoding/event-run.js';
import type { EventMatcher } from './encoding/event-matcher.js';
import type { FileChange, FileLookups, FileResultByKind } from './files.js';

export interface Store extends FileLookups {
  /** Random, made with the store; replaced by a restore. Tokens carry it. */
  readonly epoch: string;
  /** True while the disk is too full for writes that do not free space: they fail with DISK_FULL. */
  readonly isFull: boolean;

  /**
   * Carries out one atomic unit: all changes or none. Resolves when it is durable. Units of one caller commit in the
   * order of the calls, whether it waits in between or not. A unit that fails does not stop those behind it, unless
   * they are of one `chain`: then exactly a prefix of the chain commits, and what is behind it fails with `conflict`
   * CHAIN_BROKEN. A unit without changes is a barrier: when it resolves, every unit before it has come to its end.
   */
  write<const C extends readonly Change[]>(changes: C, options?: WriteOptions): Promise<ResultsOf<C>>;

  /**
   * Sets room aside for a write of about `bytes`, first come first served among the writes of one flow. `write` itself refuses with OVERLOADED when
   * too much waits for the disk: a stream, which can wait, does so here, and gives the room to its next `write`, which
   * must follow. Rejects with OVERLOADED when those who wait already hold too much, with AbortError when `signal` aborts.
   */
  room(bytes: number, signal: AbortSignal, options?: RoomOptions): Promise<Room>;

  /** Bounds and settings of a topic; undefined if it was never written to, set up or was deleted since. */
  topic(name: string): Promise<TopicInfo | undefined>;
  /** Topics whose name begins with `prefix` and comes after `after`, in the order of their names. */
  listTopics(query: { prefix: string; after: string; limit: number }): Promise<readonly TopicInfo[]>;
  cursor(topic: string, name: string): Promise<CursorInfo | undefined>;
  /** In the order of their names. */
  listCursors(topic: string): Promise<readonly CursorInfo[]>;
  producer(topic: string, producerId: string): Promise<ProducerInfo | undefined>;
  /**
   * Commit time of the event at an offset; 0 if it is not kept, damaged, or was never there. The head's is known even
   * if it is trimmed. Two events that had the same offset, one of them before a restore, are told apart by it.
   */
  commitTime(topic: string, offset: number): Promise<number>;
  /** The first kept offset whose commit time is at or after `timeMs`; head + 1 if there is none. */
  offsetAtTime(topic: string, timeMs: number): Promise<number>;

  /**
   * Reads on after an offset. Stops at 64 KiB of matched records (or one larger record), at 1 MiB or 4,096 events
   * scanned whether they matched or not (what is passed over unread counts as one), at `limit` matches, at `last`, or at
   * the head.
   * A topic that was never written to is an empty log.
   * Errors: `out-of-range` OFFSET_TRIMMED {first_offset} if `after` + 1 is below the first kept offset,
   * OFFSET_BEYOND_HEAD {head_offset} if `after` is beyond the head.
   */
  readPage(topic: string, after: number, options?: ReadOptions): Promise<Page>;

  user(userId: string): Promise<StoredUser | undefined>;
  userByEmail(emailKey: string): Promise<StoredUser | undefined>;
  /** Users whose id comes after `after`, in the order of their ids (by bytes). */
  listUsers(query: { after: string; limit: number }): Promise<readonly StoredUser[]>;

  /**
   * Calls back, soon and possibly for nothing, after the topic grew. Calls may be merged, and one may be lost until
   * the safety poll makes up for it. Returns the function that ends it.
   */
  onWake(topic: string, callback: () => void): () => void;

  /** Ends the store: waits for writes that were accepted, then releases everything. Repeating it is harmless. */
  close(): Promise<void>;
}

export interface WriteOptions {
  /** Any object; units written with the same one are a chain. */
  readonly chain?: object;
  /** Set aside for this write. */
  readonly room?: Room;
  /**
   * Whose write it is: any value. Flows have turns, whatever each has to write, and one that has too much waiting is
   * refused while others are not. Units of different flows may commit in another order than they were written; a barrier
   * is behind all. Default: one flow of all that have none.
   */
  readonly flow?: unknown;
}

/** Of a room: the flow must be the same as that of its write. */
export interface RoomOptions {
  readonly flow?: unknown;
  /** Events that will be written. Default: 1. */
  readonly events?: number;
}

export interface Room {
  /** Estimated, of the writer; for the store alone. */
  readonly work: number;
}

export interface ReadOptions {
  /** Leaves out what does not match. Default: everything matches. */
  readonly matcher?: EventMatcher;
  /** At most so many matches. Default: no limit. */
  readonly limit?: number;
  /** Reads nothing above this offset. Default: the head. */
  readonly last?: number;
  /** Stops at so many bytes of matched records (or one larger record), at most 64 KiB. Default: 64 KiB. */
  readonly maxBytes?: number;
}

export interface Page {
  /** Matching records, encoded as a run of field 1 (`records`) of a page message. May be shared: do not write to it. */
  readonly bytes: Uint8Array;
  /** How many records there are in `bytes`. */
  readonly count: number;
  /** Everything up to this offset has been looked at. */
  readonly scannedTo: number;
  /** The topic's last offset at the time of reading. */
  readonly head: number;
  /** As `commitTime` of `scannedTo`. Absent: unknown. */
  readonly commitTimeMs?: number;
}

export interface TopicInfo {
  readonly topic: string;
  /** First kept offset; head + 1 if the topic is empty. */
  readonly firstOffset: number;
  /** Last offset given; 0 if none. */
  readonly headOffset: number;
  /** Encoded bytes that are kept. */
  readonly storedBytes: number;
  readonly createTimeMs: number;
  /** Commit time of the last event; 0 if there was never one. */
  readonly lastCommitTimeMs: number;
  readonly retention: Retention;
}

/** undefined: no bound. */
export interface Retention {
  readonly maxAgeMs?: number;
  readonly maxBytes?: number;
  readonly maxEvents?: number;
}

export interface CursorInfo {
  readonly cursor: string;
  readonly offset: number;
  readonly commitTimeMs: number;
}

export interface ProducerInfo {
  readonly lastSequence: number;
  readonly lastOffset: number;
}

export interface StoredUser {
  readonly userId: string;
  /** The encoded leat.v1.User, without etag. */
  readonly record: Uint8Array;
  /** Offset of its last change in `sys/users`; its etag. */
  readonly revision: number;
  /** What tells a repeated creation from another one: a digest made by the domain. */
  readonly createDigest: Uint8Array;
}

// ---- changes ----------------------------------------------------------------------------------------------------

export type Change =
  AppendEvents | PutUser | RemoveUser | CommitCursor | SetRetention | TrimTopic | DeleteTopic | FileChange;

/**
 * Appends events at consecutive offsets. Idempotency comes before conditions: what is already there is a duplicate
 * and is not appended again, and `expectedLastOffset` is looked at only if something is left to append.
 * Without `producer` events with an id are unique by topic, author and id; with it the sequence alone decides.
 * Errors: `exists` ID_REUSED {index, id, offset} or SEQUENCE_REUSED {last_sequence}; `conflict` OFFSET_CONFLICT
 * {last_offset}, SEQUENCE_GAP {expected_sequence} or PRODUCER_UNKNOWN {expected_sequence: 1}.
 */
export interface AppendEvents {
  readonly kind: 'append-events';
  readonly topic: string;
  readonly author: string;
  readonly events: EventRun;
  readonly expectedLastOffset?: number;
  readonly producer?: ProducerBatch;
}

export interface ProducerBatch {
  readonly producerId: string;
  readonly firstSequence: number;
  /**
   * True: the producer is remembered after its last event was trimmed, and that event, sent again, is still a duplicate.
   * Forgotten by DeleteTopic, or when the store's limit for idle producers has passed. Default: forgotten with the trim.
   */
  readonly keep?: boolean;
}

export interface AppendResult {
  readonly accepted: number;
  readonly duplicates: number;
  /** Of what was accepted; 0 if nothing was. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly commitTimeMs: number;
  /** Where the duplicates by id are, in the order of `index`, their place in `events`. Empty for producers. */
  readonly existing: readonly { readonly index: number; readonly offset: number; readonly commitTimeMs: number }[];
}

/** Of every change to a directory entry: the event that tells it, appended to `topic` in the same unit. */
interface Announced {
  readonly topic: string;
  readonly author: string;
  readonly event: EventRun;
}

/**
 * Creates (`expectedRevision` 0) or replaces a user.
 * Errors: `conflict` REVISION_MISMATCH {revision: the current one, 0 if there is none}; `exists` EMAIL_TAKEN.
 */
export interface PutUser extends Announced {
  readonly kind: 'put-user';
  readonly userId: string;
  /** The email in its comparable form; undefined: none. */
  readonly emailKey?: string;
  readonly record: Uint8Array;
  readonly createDigest: Uint8Array;
  readonly expectedRevision: number;
}

/** Errors: `conflict` REVISION_MISMATCH {revision: the current one, 0 if there is none}. */
export interface RemoveUser extends Announced {
  readonly kind: 'remove-user';
  readonly userId: string;
  readonly expectedRevision: number;
}

export interface RevisionResult {
  readonly revision: number;
}

/**
 * Moves a cursor forward, or anywhere if `rewind`; an older offset without `rewind` changes nothing.
 * Of a topic that was never written to, or was deleted, nothing is stored: its cursors stand at 0.
 * Errors: `out-of-range` OFFSET_BEYOND_HEAD {head_offset}; `exhausted` TOO_MANY_CURSORS beyond 1,000 of a topic.
 */
export interface CommitCursor {
  readonly kind: 'commit-cursor';
  readonly topic: string;
  readonly cursor: string;
  readonly offset: number;
  readonly rewind: boolean;
}

export interface CursorResult {
  readonly offset: number;
  readonly headOffset: number;
}

/** Replaces the named bounds (null: none) and leaves the others; makes the topic known if it is not. */
export interface SetRetention {
  readonly kind: 'set-retention';
  readonly topic: string;
  readonly maxAgeMs?: number | null;
  readonly maxBytes?: number | null;
  readonly maxEvents?: number | null;
}

/**
 * Errors: `not-found` TOPIC_NOT_FOUND; `out-of-range` OFFSET_BEYOND_HEAD {head_offset} if `firstOffset` is beyond
 * head + 1. A lower first offset than the current one changes nothing.
 */
export interface TrimTopic {
  readonly kind: 'trim-topic';
  readonly topic: string;
  readonly firstOffset: number;
}

/** Trims to the head and forgets cursors, producers and retention. Errors: `not-found` TOPIC_NOT_FOUND. */
export interface DeleteTopic {
  readonly kind: 'delete-topic';
  readonly topic: string;
}

interface ResultByKind extends FileResultByKind {
  'append-events': AppendResult;
  'put-user': RevisionResult;
  'remove-user': RevisionResult;
  'commit-cursor': CursorResult;
  'set-retention': TopicInfo;
  'trim-topic': TopicInfo;
  'delete-topic': TopicInfo;
}

export type ResultOf<C extends Change> = ResultByKind[C['kind']];
export type ResultsOf<C extends readonly Change[]> = { readonly [K in keyof C]: ResultOf<C[K]> };

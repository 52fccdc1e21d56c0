import type { Database } from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import type { RecordHeader } from '../encoding/event-record.js';
import type { TopicInfo } from '../store.js';
import type { SegmentTable } from './segment-table.js';
import { MAX_OFFSET, MAX_TOPICS } from './position.js';

/** An event that the current transaction appends; its bytes are `source[start, end)`. */
export interface PendingEvent extends RecordHeader {
  readonly type: string;
  readonly source: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** A row of `topics`, and what the current transaction adds to it. Only the writer's thread has these. */
export interface TopicState {
  readonly id: number;
  readonly name: string;
  firstOffset: number;
  headOffset: number;
  storedBytes: number;
  createTimeMs: number;
  lastCommitTimeMs: number;
  maxAgeMs: number | null;
  maxBytes: number | null;
  maxEvents: number | null;
  deleted: boolean;
  /** The head when the topic was deleted last: producers whose last event is not behind it are forgotten. */
  producersAfter: number;
  /** Appended in this transaction, not yet in a segment. */
  pending: PendingEvent[];
}

interface TopicRow {
  topic_id: number;
  name: string;
  first_offset: number;
  head_offset: number;
  stored_bytes: number;
  create_time: number;
  last_commit_time: number;
  max_age: number | null;
  max_bytes: number | null;
  max_events: number | null;
  deleted: number;
  producers_after: number;
}

/** Rows that are kept in memory between transactions. */
const CACHED_TOPICS = 10_000;

export function toTopicInfo(state: TopicState): TopicInfo {
  return {
    topic: state.name,
    firstOffset: state.firstOffset,
    headOffset: state.headOffset,
    storedBytes: state.storedBytes,
    createTimeMs: state.createTimeMs,
    lastCommitTimeMs: state.lastCommitTimeMs,
    retention: {
      maxAgeMs: state.maxAgeMs ?? undefined,
      maxBytes: state.maxBytes ?? undefined,
      maxEvents: state.maxEvents ?? undefined,
    },
  };
}

export function toTopicState(row: TopicRow): TopicState {
  return {
    id: row.topic_id,
    name: row.name,
    firstOffset: row.first_offset,
    headOffset: row.head_offset,
    storedBytes: row.stored_bytes,
    createTimeMs: row.create_time,
    lastCommitTimeMs: row.last_commit_time,
    maxAgeMs: row.max_age,
    maxBytes: row.max_bytes,
    maxEvents: row.max_events,
    deleted: row.deleted !== 0,
    producersAfter: row.producers_after,
    pending: [],
  };
}

/**
 * The topics as the running transaction sees them. A unit that fails takes its changes back (`rollbackUnit`), a
 * transaction that fails forgets everything (`reset`); `flush` writes what changed, once, at the end.
 */
export class TopicTable {
  private readonly cache = new Map<string, TopicState>();
  private readonly changed = new Set<TopicState>();
  private readonly before = new Map<TopicState, TopicState & { pendingCount: number; wasChanged: boolean }>();
  private readonly created = new Set<TopicState>();
  private readonly selectByName;
  private readonly insert;
  private readonly update;

  constructor(
    db: Database,
    private readonly segments: SegmentTable,
  ) {
    this.selectByName = db.prepare<[string], TopicRow>('SELECT * FROM topics WHERE name = ?');
    this.insert = db.prepare(
      `INSERT INTO topics (name, first_offset, head_offset, stored_bytes, create_time, last_commit_time, deleted)
       VALUES (?, 1, 0, 0, ?, 0, 0)`,
    );
    this.update = db.prepare(
      `UPDATE topics SET first_offset = :firstOffset, head_offset = :headOffset, stored_bytes = :storedBytes,
         create_time = :createTimeMs, last_commit_time = :lastCommitTimeMs, max_age = :maxAgeMs,
         max_bytes = :maxBytes, max_events = :maxEvents, deleted = :deleted,
         producers_after = :producersAfter WHERE topic_id = :id`,
    );
  }

  /** The topic, deleted ones too; undefined if it was never known. */
  find(name: string): TopicState | undefined {
    const cached = this.cache.get(name);
    if (cached) return cached;
    const row = this.selectByName.get(name);
    return row && this.remember(toTopicState(row));
  }

  /** The topic, made if need be and brought back if it was deleted; ready to be changed. */
  open(name: string, nowMs: number): TopicState {
    const state = this.find(name) ?? this.create(name, nowMs);
    if (state.deleted) Object.assign(this.change(state), { deleted: false, createTimeMs: nowMs });
    return this.change(state);
  }

  /** Must be called before a state is changed. */
  change(state: TopicState): TopicState {
    if (!this.before.has(state)) {
      this.before.set(state, {
        ...state,
        pendingCount: state.pending.length,
        wasChanged: this.changed.has(state),
      });
    }
    this.changed.add(state);
    return state;
  }

  commitUnit(): void {
    this.before.clear();
    this.created.clear();
  }

  rollbackUnit(): void {
    for (const [state, { pendingCount, wasChanged, ...saved }] of this.before) {
      Object.assign(state, saved);
      state.pending.length = pendingCount;
      if (!wasChanged) this.changed.delete(state);
    }
    for (const state of this.created) this.cache.delete(state.name);
    this.commitUnit();
  }

  /** Writes what the transaction changed and returns the topics that grew. */
  flush(): string[] {
    const grown: string[] = [];
    for (const state of this.changed) {
      if (state.pending.length > 0) {
        grown.push(state.name);
        state.storedBytes += this.segments.append(state.id, state.pending);
        state.pending = [];
      }
      this.update.run({ ...state, deleted: state.deleted ? 1 : 0, pending: null, name: null });
    }
    this.changed.clear();
    return grown;
  }

  reset(): void {
    this.cache.clear();
    this.changed.clear();
    this.before.clear();
    this.created.clear();
  }

  private create(name: string, nowMs: number): TopicState {
    const id = Number(this.insert.run(name, nowMs).lastInsertRowid);
    if (id > MAX_TOPICS) {
      throw new DomainError('exhausted', 'TOO_MANY_TOPICS', `a store holds at most ${MAX_TOPICS} topics over its life`);
    }
    const state = this.find(name);
    if (!state) throw new Error(`topic ${name} vanished`);
    this.created.add(state);
    return state;
  }

  private remember(state: TopicState): TopicState {
    if (this.cache.size >= CACHED_TOPICS) this.forgetOldest();
    this.cache.set(state.name, state);
    return state;
  }

  private forgetOldest(): void {
    for (const [name, state] of this.cache) {
      if (this.changed.has(state)) continue;
      this.cache.delete(name);
      return;
    }
  }
}

/** Refuses offsets beyond what a topic can hold. */
export function checkRoom(state: TopicState, count: number): void {
  if (state.headOffset + count <= MAX_OFFSET) return;
  throw new DomainError('exhausted', 'TOPIC_FULL', `topic "${state.name}" has given out all its ${MAX_OFFSET} offsets`);
}

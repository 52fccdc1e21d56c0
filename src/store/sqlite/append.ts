import type { Database } from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import { type EventKey, createEventKeyReader } from '../encoding/event-fields.js';
import { nextInRun } from '../encoding/event-run.js';
import { MalformedBytes, WireReader } from '../encoding/wire.js';
import type { AppendEvents, AppendResult, ProducerBatch } from '../store.js';
import type { ProducerTable } from './producer-table.js';
import type { StoredEvents } from './stored-events.js';
import { type TopicState, type TopicTable, checkRoom } from './topic-table.js';

interface RunEvent extends EventKey {
  readonly start: number;
  readonly end: number;
}

type Existing = AppendResult['existing'][number];

/** Carries out AppendEvents; see the port for its promises. Runs inside a unit, which takes everything back on an error. */
export class Appender {
  private readonly insertId;
  private readonly selectId;
  private readonly replaceId;

  constructor(
    db: Database,
    private readonly topics: TopicTable,
    private readonly stored: StoredEvents,
    private readonly producers: ProducerTable,
  ) {
    this.insertId = db.prepare<[number, string, string, number]>('INSERT OR IGNORE INTO event_ids VALUES (?, ?, ?, ?)');
    this.selectId = db
      .prepare<[number, string, string], number>(
        'SELECT event_offset FROM event_ids WHERE topic_id = ? AND author = ? AND event_id = ?',
      )
      .pluck();
    this.replaceId = db.prepare<[number, string, string, number]>('REPLACE INTO event_ids VALUES (?, ?, ?, ?)');
  }

  append(change: AppendEvents, nowMs: number): AppendResult {
    const topic = this.topics.open(change.topic, nowMs);
    const events = splitRun(change);
    checkRoom(topic, events.length);
    const commitTimeMs = Math.max(nowMs, topic.lastCommitTimeMs);
    return change.producer
      ? this.appendBySequence(topic, change, change.producer, events, commitTimeMs)
      : this.appendById(topic, change, events, commitTimeMs);
  }

  private appendById(topic: TopicState, change: AppendEvents, events: RunEvent[], commitTimeMs: number): AppendResult {
    if (isStale(topic, change)) return this.onlyDuplicates(topic, change, events);
    const existing: Existing[] = [];
    const before = topic.headOffset;
    const author = Buffer.from(change.author);
    events.forEach((event, index) => {
      const offset = topic.headOffset + 1;
      const duplicate = event.id === '' ? undefined : this.claimId(topic, change, event, index, offset);
      if (duplicate) existing.push(duplicate);
      else push(topic, event, change.events.bytes, author, commitTimeMs);
    });
    return result(topic, before, events.length, commitTimeMs, existing);
  }

  /** Takes the id for `offset`, or tells where its event is already. */
  private claimId(topic: TopicState, change: AppendEvents, event: RunEvent, index: number, offset: number) {
    if (this.insertId.run(topic.id, change.author, event.id, offset).changes > 0) return undefined;
    const duplicate = this.findDuplicate(topic, change, event, index);
    // The row of an event that was trimmed and is not swept yet holds nothing.
    if (!duplicate) this.replaceId.run(topic.id, change.author, event.id, offset);
    return duplicate;
  }

  private findDuplicate(topic: TopicState, change: AppendEvents, event: RunEvent, index: number): Existing | undefined {
    const offset = this.selectId.get(topic.id, change.author, event.id);
    if (offset === undefined || offset < topic.firstOffset) return undefined;
    if (!this.stored.isSame(topic, offset, change.events.bytes, event.start, event.end)) {
      throw idReused(topic, event.id, index, offset);
    }
    return { index, offset, commitTimeMs: this.stored.get(topic, offset)?.commitTimeMs ?? 0 };
  }

  /** The condition does not hold: all must be there already, as after a retry, or it is a conflict. */
  private onlyDuplicates(topic: TopicState, change: AppendEvents, events: RunEvent[]): AppendResult {
    const existing: Existing[] = [];
    events.forEach((event, index) => {
      const duplicate = event.id === '' ? undefined : this.findDuplicate(topic, change, event, index);
      if (!duplicate) throw offsetConflict(topic, change);
      existing.push(duplicate);
    });
    return result(topic, topic.headOffset, events.length, topic.lastCommitTimeMs, existing);
  }

  private appendBySequence(
    topic: TopicState,
    change: AppendEvents,
    producer: ProducerBatch,
    events: RunEvent[],
    commitTimeMs: number,
  ): AppendResult {
    const { bytes } = change.events;
    const known = this.producers.position(topic, producer, events.length);
    this.compareResent(topic, producer, bytes, events.slice(0, known));
    const before = topic.headOffset;
    const fresh = events.slice(known);
    if (fresh.length > 0 && isStale(topic, change)) throw offsetConflict(topic, change);
    const author = Buffer.from(change.author);
    for (const event of fresh) push(topic, event, bytes, author, commitTimeMs);
    const last = events.at(-1);
    if (last) {
      const lastEvent = bytes.subarray(last.start, last.end);
      const sent = { known, fresh: fresh.length, firstOffset: before + 1, lastEvent, timeMs: commitTimeMs };
      this.producers.advance(topic, producer, sent);
    }
    return result(topic, before, events.length, commitTimeMs, []);
  }

  /**
   * Events that the producer has sent before must be the same again. What is trimmed cannot be compared: it passes if
   * what comes behind it in the batch can, or if the batch can only be a retry.
   */
  private compareResent(topic: TopicState, producer: ProducerBatch, bytes: Uint8Array, events: readonly RunEvent[]) {
    const { producerId, firstSequence } = producer;
    let isComparable = events.length === 0;
    for (const [index, { start, end }] of events.entries()) {
      const sequence = firstSequence + index;
      const offset = this.producers.offsetOf(topic, producerId, sequence);
      const isSame =
        offset === undefined
          ? this.producers.isLastEvent(topic, producerId, sequence, bytes.subarray(start, end))
          : this.stored.isSame(topic, offset, bytes, start, end);
      if (isSame === false) throw this.producers.reused(topic, producerId);
      isComparable ||= isSame === true;
    }
    if (!isComparable && !this.producers.isRetry(topic, producer, events.length)) {
      throw this.producers.reused(topic, producerId);
    }
  }
}

/** A run is checked before it comes here; one that is none fails its unit, and must not end the writer. */
function splitRun({ events: { bytes, count } }: AppendEvents): RunEvent[] {
  const reader = new WireReader(bytes);
  const keyOf = createEventKeyReader(bytes);
  const events: RunEvent[] = [];
  try {
    while (reader.pos < bytes.length) {
      const end = nextInRun(reader);
      const { id, type } = keyOf(reader.pos, end);
      events.push({ id, type, start: reader.pos, end });
      reader.pos = end;
    }
  } catch (error) {
    if (error instanceof MalformedBytes) throw malformedRun(error.message);
    throw error;
  }
  if (events.length !== count) throw malformedRun(`it has ${events.length} events and claims ${count}`);
  return events;
}

function malformedRun(what: string): DomainError {
  return new DomainError('invalid', 'MALFORMED_MESSAGE', `the events cannot be read: ${what}`);
}

function push(topic: TopicState, event: RunEvent, source: Uint8Array, author: Uint8Array, commitTimeMs: number): void {
  topic.headOffset++;
  topic.lastCommitTimeMs = commitTimeMs;
  const { type, start, end } = event;
  topic.pending.push({ offset: topic.headOffset, commitTimeMs, author, type, source, start, end });
}

function result(
  topic: TopicState,
  before: number,
  count: number,
  commitTimeMs: number,
  existing: readonly Existing[],
): AppendResult {
  const accepted = topic.headOffset - before;
  return {
    accepted,
    duplicates: count - accepted,
    firstOffset: accepted > 0 ? before + 1 : 0,
    lastOffset: accepted > 0 ? topic.headOffset : 0,
    commitTimeMs,
    existing,
  };
}

function isStale(topic: TopicState, change: AppendEvents): boolean {
  return change.expectedLastOffset !== undefined && change.expectedLastOffset !== topic.headOffset;
}

function offsetConflict(topic: TopicState, change: AppendEvents): DomainError {
  return new DomainError(
    'conflict',
    'OFFSET_CONFLICT',
    `topic "${topic.name}" is at offset ${topic.headOffset}, not at ${change.expectedLastOffset}: ` +
      'read on from there and decide again',
    { metadata: { topic: topic.name, last_offset: `${topic.headOffset}` } },
  );
}

function idReused(topic: TopicState, id: string, index: number, offset: number): DomainError {
  // An event of this very batch, or of one that commits with it, has an offset that may never come to be.
  const isStored = offset < (topic.pending[0]?.offset ?? Infinity);
  const where = isStored ? `at offset ${offset} of topic "${topic.name}"` : `just before it in topic "${topic.name}"`;
  return new DomainError(
    'exists',
    'ID_REUSED',
    `event id "${id}" belongs to another event, ${where}: give each event an id of its own and send a retry unchanged`,
    {
      metadata: { topic: topic.name, id, index: `${index}`, ...(isStored ? { offset: `${offset}` } : {}) },
      resource: { type: 'leat.v1.Event', name: id },
    },
  );
}

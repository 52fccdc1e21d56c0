import { createHash } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import type { ProducerBatch } from '../store.js';
import type { TopicState } from './topic-table.js';

interface ProducerRow {
  last_sequence: number;
  last_offset: number;
  /** 1: outlives its events. */
  keep: number;
  /** Of the last event, if `keep`. */
  last_digest: Buffer | null;
}

/** Events that a topic gave up, as far as producers are concerned. */
type ProducerTopic = Pick<TopicState, 'id' | 'firstOffset' | 'producersAfter'>;

/** A batch of a producer whose `known` first events had been appended before. */
export interface SentBatch {
  readonly known: number;
  /** How many were appended now; 0: `known` is all. */
  readonly fresh: number;
  /** Of those that were appended now. */
  readonly firstOffset: number;
  /** Of the batch. */
  readonly lastEvent: Uint8Array;
  readonly timeMs: number;
}

/**
 * How far each producer has come on each topic, and which offset each of its sequence numbers got: `producer_runs` has
 * a row where the difference between the two changes. State ends when the producer's last event is trimmed, or, for
 * one that is kept, when its topic is deleted or housekeeping finds it idle for too long. A kept one has the digest of
 * its last event, so that a source that is sent again is recognized after its events are gone.
 */
export class ProducerTable {
  private readonly select;
  private readonly replace;
  private readonly selectRun;
  private readonly insertRun;
  private readonly deleteRuns;

  constructor(db: Database) {
    this.select = db.prepare<[number, string], ProducerRow>(
      'SELECT last_sequence, last_offset, keep, last_digest FROM producers WHERE topic_id = ? AND producer_id = ?',
    );
    this.replace = db.prepare(
      `REPLACE INTO producers (topic_id, producer_id, last_sequence, last_offset, keep, last_time, last_digest)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.selectRun = db.prepare<[number, string, number], { first_sequence: number; first_offset: number }>(
      `SELECT first_sequence, first_offset FROM producer_runs
       WHERE topic_id = ? AND producer_id = ? AND first_sequence <= ? ORDER BY first_sequence DESC LIMIT 1`,
    );
    this.insertRun = db.prepare('INSERT INTO producer_runs VALUES (?, ?, ?, ?)');
    this.deleteRuns = db.prepare('DELETE FROM producer_runs WHERE topic_id = ? AND producer_id = ?');
  }

  find(topic: ProducerTopic, producerId: string): ProducerRow | undefined {
    const row = this.select.get(topic.id, producerId);
    return row && isKnown(row, topic) ? row : undefined;
  }

  /**
   * How many events at the front of a batch of `count` have been appended before.
   * Errors: `conflict` PRODUCER_UNKNOWN, SEQUENCE_GAP.
   */
  position(topic: TopicState, producer: ProducerBatch, count: number): number {
    const row = this.find(topic, producer.producerId);
    const next = (row?.last_sequence ?? 0) + 1;
    if (!row && producer.firstSequence !== 1) throw unexpected('PRODUCER_UNKNOWN', topic, producer, next);
    if (producer.firstSequence > next) throw unexpected('SEQUENCE_GAP', topic, producer, next);
    return Math.min(count, next - producer.firstSequence);
  }

  /** The offset of a sequence number that the producer has passed; undefined if it is trimmed. */
  offsetOf(topic: TopicState, producerId: string, sequence: number): number | undefined {
    const run = this.selectRun.get(topic.id, producerId, sequence);
    const offset = run && run.first_offset + (sequence - run.first_sequence);
    return offset !== undefined && offset >= topic.firstOffset ? offset : undefined;
  }

  /** Whether the producer's last event is these bytes, also if it is trimmed; undefined if `sequence` is not its number. */
  isLastEvent(topic: TopicState, producerId: string, sequence: number, event: Uint8Array): boolean | undefined {
    const row = this.find(topic, producerId);
    return row?.last_sequence === sequence ? row.last_digest?.equals(digestOf(event)) : undefined;
  }

  /**
   * Whether a batch whose events are all trimmed can only be a retry: it ends before the producer's last event, and no
   * source begins with it. A producer that is not kept sends every event for the first time or again, nothing else.
   */
  isRetry(topic: TopicState, { producerId, firstSequence }: ProducerBatch, count: number): boolean {
    const row = this.find(topic, producerId);
    if (!row || firstSequence + count > row.last_sequence) return false;
    return firstSequence > 1 || row.keep === 0;
  }

  /** Notes a batch whose known events are the same as before. */
  advance(topic: TopicState, producer: ProducerBatch, sent: SentBatch): void {
    if (sent.fresh === 0) return this.confirm(topic, producer, sent);
    const { producerId, keep = false } = producer;
    const { known, fresh, firstOffset, lastEvent, timeMs } = sent;
    const firstSequence = producer.firstSequence + known;
    const row = this.find(topic, producerId);
    if (!row) this.deleteRuns.run(topic.id, producerId);
    if (!row || row.last_offset - row.last_sequence !== firstOffset - firstSequence) {
      this.insertRun.run(topic.id, producerId, firstSequence, firstOffset);
    }
    const [lastSequence, lastOffset] = [firstSequence + fresh - 1, firstOffset + fresh - 1];
    const digest = keep ? digestOf(lastEvent) : null;
    this.replace.run(topic.id, producerId, lastSequence, lastOffset, keep ? 1 : 0, timeMs, digest);
  }

  /** A producer that is to be kept, but was not or has no digest: its last event, sent again, is as good as a new one. */
  private confirm(topic: TopicState, producer: ProducerBatch, { known, lastEvent, timeMs }: SentBatch): void {
    const { producerId, firstSequence, keep = false } = producer;
    const row = this.find(topic, producerId);
    if (!keep || !row || row.last_digest || firstSequence + known - 1 !== row.last_sequence) return;
    this.replace.run(topic.id, producerId, row.last_sequence, row.last_offset, 1, timeMs, digestOf(lastEvent));
  }

  reused(topic: TopicState, producerId: string): DomainError {
    const last = `${this.find(topic, producerId)?.last_sequence ?? 0}`;
    return new DomainError(
      'exists',
      'SEQUENCE_REUSED',
      `producer "${producerId}" has sent other events under these sequence numbers, or they are trimmed: ` +
        `go on after ${last}, or use a fresh producer id`,
      {
        metadata: { topic: topic.name, producer_id: producerId, last_sequence: last },
        resource: { type: 'leat.v1.ProducerPosition', name: producerId },
      },
    );
  }
}

/** Whether a producer has not been forgotten; the row of one that was is removed later. */
export function isKnown(
  { last_offset, keep }: Pick<ProducerRow, 'last_offset' | 'keep'>,
  { firstOffset, producersAfter }: Omit<ProducerTopic, 'id'>,
): boolean {
  return last_offset >= firstOffset || (keep !== 0 && last_offset > producersAfter);
}

function digestOf(event: Uint8Array): Buffer {
  return createHash('sha256').update(event).digest().subarray(0, 16);
}

function unexpected(
  reason: 'PRODUCER_UNKNOWN' | 'SEQUENCE_GAP',
  topic: TopicState,
  producer: ProducerBatch,
  expected: number,
): DomainError {
  const what =
    reason === 'PRODUCER_UNKNOWN' ? 'is not known, or its last event is trimmed' : 'has left out sequence numbers';
  return new DomainError(
    'conflict',
    reason,
    `producer "${producer.producerId}" ${what}: topic "${topic.name}" expects sequence ${expected}, ` +
      `not ${producer.firstSequence}`,
    { metadata: { topic: topic.name, producer_id: producer.producerId, expected_sequence: `${expected}` } },
  );
}

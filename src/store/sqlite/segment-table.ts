import { crc32c } from '@node-rs/crc32';
import type { Database } from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import { recordEntrySize, writeRecordEntry } from '../encoding/event-record.js';
import { MAX_OFFSET, segmentPosition } from './position.js';
import type { PendingEvent } from './topic-table.js';

/** A segment ends at whichever comes first; one larger event has a segment to itself. */
export const SEGMENT_EVENTS = 256;
export const SEGMENT_BYTES = 64 * 1024;

/** Longer lists of types are not stored; such a segment is always read. */
const MAX_TYPES_LENGTH = 1024;

export interface SegmentRow {
  readonly last_offset: number;
  readonly count: number;
  readonly size: number;
  readonly first_time: number;
  readonly last_time: number;
  /** JSON array of the types that occur; null: unknown. */
  readonly types: string | null;
}

const COLUMNS = 'position - :base AS last_offset, count, size, first_time, last_time, types';

/** Rows of `segments`, for both threads; only the writer's thread calls `append` and `remove`. */
export class SegmentTable {
  private readonly selectAfter;
  private readonly selectRecords;
  private readonly insert;
  private readonly delete;

  constructor(db: Database) {
    this.selectAfter = db.prepare<{ base: bigint; from: bigint; to: bigint }, SegmentRow>(
      `SELECT ${COLUMNS} FROM segments WHERE position BETWEEN :from AND :to ORDER BY position`,
    );
    this.selectRecords = db.prepare<[bigint], { records: Buffer; checksum: number }>(
      'SELECT records, checksum FROM segments WHERE position = ?',
    );
    this.insert = db.prepare(
      `INSERT INTO segments (position, count, size, first_time, last_time, types, checksum, records)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.delete = db.prepare('DELETE FROM segments WHERE position = ?');
  }

  /** The segment that holds `offset`, or the next one; undefined beyond the last. */
  find(topicId: number, offset: number): SegmentRow | undefined {
    return this.selectAfter.get(range(topicId, offset));
  }

  /** Segments from the one that holds `offset` on, in order. Close the iterator (break) before the next call. */
  iterate(topicId: number, offset: number): IterableIterator<SegmentRow> {
    return this.selectAfter.iterate(range(topicId, offset));
  }

  /** The records of a segment, verified. Errors: `data-loss` CHECKSUM_MISMATCH {topic, first_offset, last_offset}. */
  records(topicId: number, topic: string, segment: SegmentRow): Buffer {
    const row = this.selectRecords.get(segmentPosition(topicId, segment.last_offset));
    if (row?.records.length === segment.size && crc32c(row.records) === row.checksum) return row.records;
    throw damaged(topic, segment);
  }

  /** Stores events that follow one another as full segments, and returns how many bytes they take. */
  append(topicId: number, events: readonly PendingEvent[]): number {
    let total = 0;
    for (let from = 0; from < events.length;) {
      const { to, size } = segmentEnd(events, from);
      this.insertSegment(topicId, events.slice(from, to), size);
      total += size;
      from = to;
    }
    return total;
  }

  remove(topicId: number, segment: SegmentRow): void {
    this.delete.run(segmentPosition(topicId, segment.last_offset));
  }

  private insertSegment(topicId: number, events: readonly PendingEvent[], size: number): void {
    const [first, last] = [events[0], events.at(-1)];
    if (!first || !last) return;
    const records = Buffer.allocUnsafe(size);
    let pos = 0;
    for (const event of events) pos = writeRecordEntry(records, pos, event, event.source, event.start, event.end);
    this.insert.run(
      segmentPosition(topicId, last.offset),
      events.length,
      size,
      first.commitTimeMs,
      last.commitTimeMs,
      typesOf(events),
      crc32c(records),
      records,
    );
  }
}

function range(topicId: number, offset: number): { base: bigint; from: bigint; to: bigint } {
  return {
    base: segmentPosition(topicId, 0),
    from: segmentPosition(topicId, offset),
    to: segmentPosition(topicId, MAX_OFFSET),
  };
}

function segmentEnd(events: readonly PendingEvent[], from: number): { to: number; size: number } {
  let size = 0;
  let to = from;
  for (const event of events.slice(from, from + SEGMENT_EVENTS)) {
    const entry = recordEntrySize(event, event.end - event.start);
    if (to > from && size + entry > SEGMENT_BYTES) break;
    size += entry;
    to++;
  }
  return { to, size };
}

function typesOf(events: readonly PendingEvent[]): string | null {
  const types = JSON.stringify([...new Set(events.map((event) => event.type))]);
  return types.length > MAX_TYPES_LENGTH ? null : types;
}

function damaged(topic: string, segment: SegmentRow): DomainError {
  const first = segment.last_offset - segment.count + 1;
  return new DomainError(
    'data-loss',
    'CHECKSUM_MISMATCH',
    `topic "${topic}": the stored events ${first} to ${segment.last_offset} are damaged: ` +
      `restore a backup, or go on after offset ${segment.last_offset}`,
    { metadata: { topic, first_offset: `${first}`, last_offset: `${segment.last_offset}` } },
  );
}

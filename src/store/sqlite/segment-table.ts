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
  /** Of the records. */
  readonly checksum: number;
  /** Of all of the row that is not records, its key included. */
  readonly header_checksum: number;
}

/** The topic that a segment belongs to. */
export interface SegmentTopic {
  readonly id: number;
  readonly name: string;
}

const COLUMNS = 'position - :base AS last_offset, count, size, first_time, last_time, types, checksum, header_checksum';

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
    this.selectRecords = db.prepare<[bigint], Buffer>('SELECT records FROM segments WHERE position = ?').pluck();
    this.insert = db.prepare(
      `INSERT INTO segments
         (position, count, size, first_time, last_time, types, checksum, header_checksum, records)
       VALUES
         (:position, :count, :size, :first_time, :last_time, :types, :checksum, :header_checksum, :records)`,
    );
    this.delete = db.prepare('DELETE FROM segments WHERE position = ?');
  }

  /** The segment that holds `offset`, or the next one; undefined beyond the last. Errors: as `records`. */
  find(topic: SegmentTopic, offset: number): SegmentRow | undefined {
    const segment = this.selectAfter.get(range(topic.id, offset));
    return segment && verified(topic, segment);
  }

  /** The first segment of a topic as it is, for those who remove it, damaged or not. */
  first(topicId: number): SegmentRow | undefined {
    return this.selectAfter.get(range(topicId, 0));
  }

  /** Segments from the one that holds `offset` on, in order. Errors: as `records`. */
  *iterate(topic: SegmentTopic, offset: number): Generator<SegmentRow, void, undefined> {
    for (const segment of this.selectAfter.iterate(range(topic.id, offset))) yield verified(topic, segment);
  }

  /** The records of a segment, verified. Errors: `data-loss` CHECKSUM_MISMATCH {topic, first_offset, last_offset}. */
  records(topic: SegmentTopic, segment: SegmentRow): Buffer {
    const records = this.selectRecords.get(segmentPosition(topic.id, segment.last_offset));
    if (records?.length === segment.size && crc32c(records) === segment.checksum) return records;
    throw damaged(topic.name, segment.last_offset - segment.count + 1, segment.last_offset);
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
    const segment = {
      last_offset: last.offset,
      count: events.length,
      size,
      first_time: first.commitTimeMs,
      last_time: last.commitTimeMs,
      types: typesOf(events),
      checksum: crc32c(records),
    };
    const { last_offset: _, ...columns } = segment;
    const position = segmentPosition(topicId, last.offset);
    this.insert.run({ ...columns, position, header_checksum: headerChecksum(topicId, segment), records });
  }
}

/** Readers skip segments by what stands beside the records, so that is guarded as well. */
function headerChecksum(topicId: number, segment: Omit<SegmentRow, 'header_checksum'>): number {
  const { last_offset, count, size, first_time, last_time, types, checksum } = segment;
  return crc32c(JSON.stringify([topicId, last_offset, count, size, first_time, last_time, types, checksum]));
}

function verified(topic: SegmentTopic, segment: SegmentRow): SegmentRow {
  if (segment.header_checksum === headerChecksum(topic.id, segment)) return segment;
  throw damaged(topic.name, segment.last_offset, segment.last_offset);
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

/** The error of stored events that are damaged or missing. */
export function damaged(topic: string, first: number, last: number): DomainError {
  return new DomainError(
    'data-loss',
    'CHECKSUM_MISMATCH',
    `topic "${topic}": the stored events ${first} to ${last} are damaged: ` +
      `restore a backup, or go on after offset ${last}`,
    { metadata: { topic, first_offset: `${first}`, last_offset: `${last}` } },
  );
}

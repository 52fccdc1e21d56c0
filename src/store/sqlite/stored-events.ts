import { enterEvent, readCommitTime } from '../encoding/event-record.js';
import { nextInRun } from '../encoding/event-run.js';
import { sameEvent } from '../encoding/same-event.js';
import { WireReader } from '../encoding/wire.js';
import { segmentPosition } from './position.js';
import type { SegmentTable } from './segment-table.js';
import type { PendingEvent, TopicState } from './topic-table.js';

export interface StoredEvent {
  readonly bytes: Uint8Array;
  readonly commitTimeMs: number;
}

/** Segments that stay at hand within a transaction: retries may come in any order. 4 MiB, about. */
const KEPT_SEGMENTS = 64;

/** Finds events that are already there, to compare retries with them. */
export class StoredEvents {
  private readonly kept = new Map<bigint, StoredEvent[]>();

  constructor(private readonly segments: SegmentTable) {}

  /** Call before a transaction: what was read before may have been trimmed since. */
  reset(): void {
    this.kept.clear();
  }

  get(topic: TopicState, offset: number): StoredEvent | undefined {
    return this.fromPending(topic, offset) ?? this.fromSegment(topic, offset);
  }

  /** Whether the event at `offset` says the same as the one in `bytes[start, end)`. */
  isSame(topic: TopicState, offset: number, bytes: Uint8Array, start: number, end: number): boolean {
    const stored = this.get(topic, offset);
    return stored !== undefined && sameEvent(stored.bytes, bytes.subarray(start, end));
  }

  private fromPending(topic: TopicState, offset: number): StoredEvent | undefined {
    const first = topic.pending[0];
    const event: PendingEvent | undefined = first && topic.pending[offset - first.offset];
    return event && { bytes: event.source.subarray(event.start, event.end), commitTimeMs: event.commitTimeMs };
  }

  private fromSegment(topic: TopicState, offset: number): StoredEvent | undefined {
    const segment = this.segments.find(topic, offset);
    if (!segment) return undefined;
    const key = segmentPosition(topic.id, segment.last_offset);
    const events = this.kept.get(key) ?? splitRecords(this.segments.records(topic, segment));
    this.keep(key, events);
    return events[offset - (segment.last_offset - segment.count + 1)];
  }

  /** The segment that was not asked for the longest goes first. */
  private keep(key: bigint, events: StoredEvent[]): void {
    this.kept.delete(key);
    this.kept.set(key, events);
    const [oldest] = this.kept.keys();
    if (this.kept.size > KEPT_SEGMENTS && oldest !== undefined) this.kept.delete(oldest);
  }
}

function splitRecords(records: Uint8Array): StoredEvent[] {
  const reader = new WireReader(records);
  const events: StoredEvent[] = [];
  while (reader.pos < records.length) {
    const end = nextInRun(reader);
    const commitTimeMs = readCommitTime(reader);
    const eventEnd = enterEvent(reader);
    events.push({ bytes: records.subarray(reader.pos, eventEnd), commitTimeMs });
    reader.pos = end;
  }
  return events;
}

import { enterEvent, readCommitTime } from '../encoding/event-record.js';
import { nextInRun } from '../encoding/event-run.js';
import { sameEvent } from '../encoding/same-event.js';
import { WireReader } from '../encoding/wire.js';
import type { SegmentTable } from './segment-table.js';
import type { PendingEvent, TopicState } from './topic-table.js';

export interface StoredEvent {
  readonly bytes: Uint8Array;
  readonly commitTimeMs: number;
}

/** Finds events that are already there, to compare retries with them. The last segment that was read stays at hand. */
export class StoredEvents {
  private last: { topicId: number; firstOffset: number; events: StoredEvent[] } | undefined;

  constructor(private readonly segments: SegmentTable) {}

  /** Call before a transaction: what was read before may have been trimmed since. */
  reset(): void {
    this.last = undefined;
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
    const at = this.last?.topicId === topic.id ? offset - this.last.firstOffset : -1;
    const known = at < 0 ? undefined : this.last?.events[at];
    return known ?? this.load(topic, offset);
  }

  private load(topic: TopicState, offset: number): StoredEvent | undefined {
    const segment = this.segments.find(topic.id, offset);
    if (!segment) return undefined;
    const events = splitRecords(this.segments.records(topic.id, topic.name, segment));
    const firstOffset = segment.last_offset - segment.count + 1;
    this.last = { topicId: topic.id, firstOffset, events };
    return events[offset - firstOffset];
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

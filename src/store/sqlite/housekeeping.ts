import type { Database } from 'better-sqlite3';
import { isDomainError } from '../../domain/errors.js';
import { enterEvent, readAuthor } from '../encoding/event-record.js';
import { readEventKey } from '../encoding/event-fields.js';
import { nextInRun } from '../encoding/event-run.js';
import { WireReader } from '../encoding/wire.js';
import { isKnown } from './producer-table.js';
import type { SegmentRow } from './segment-table.js';
import type { TopicState } from './topic-table.js';
import type { Transactions } from './transactions.js';

/** Segments, and producers, that one step looks at: a few milliseconds at most, so that commits wait no longer. */
const STEP = 16;
/** Free pages beyond which the file is made smaller, a few pages a step; on a full disk every one is given back. */
const FREE_PAGES = 1024;
const VACUUM_PAGES = 64;
/** Producers of a topic are looked at again after this time, for they may have become idle. */
const SWEEP_AGAIN_MS = 86_400_000;

export interface HousekeepingOptions {
  /** A kept producer without a kept event is forgotten this long after its last one. Default: a year. */
  readonly producerMaxIdleMs?: number;
}

interface SweptProducer {
  producer_id: string;
  last_offset: number;
  keep: number;
  last_time: number;
}

/** Where the walk over all topics is. */
interface Walk {
  readonly topic: string;
  readonly phase: 'segments' | 'producers';
  /** Within 'producers': the last one looked at. */
  readonly after: string;
  /** Within 'producers': the topic's first offset when they began. */
  readonly firstOffset: number;
}

/**
 * Applies retention and frees what was trimmed: segments, ids of their events, and producers without a kept event.
 * `step()` does a little in a transaction of its own and tells whether there is more to do in this round; `isTight`: there
 * is too little room on the disk.
 */
export function createHousekeeping(
  db: Database,
  { transact, segments, topics }: Transactions,
  { producerMaxIdleMs = 365 * 86_400_000 }: HousekeepingOptions = {},
) {
  const selectNextTopic = db
    .prepare<[string], string>(
      `SELECT name FROM topics
       WHERE name > ? AND (first_offset > 1 OR max_age NOTNULL OR max_bytes NOTNULL OR max_events NOTNULL)
       ORDER BY name LIMIT 1`,
    )
    .pluck();
  const deleteId = db.prepare(
    'DELETE FROM event_ids WHERE topic_id = ? AND author = ? AND event_id = ? AND event_offset = ?',
  );
  const selectProducers = db.prepare<[number, string], SweptProducer>(
    `SELECT producer_id, last_offset, keep, last_time FROM producers WHERE topic_id = ? AND producer_id > ?
     ORDER BY producer_id LIMIT ${STEP}`,
  );
  const deleteProducer = db.prepare('DELETE FROM producers WHERE topic_id = ? AND producer_id = ?');
  const deleteRuns = db.prepare('DELETE FROM producer_runs WHERE topic_id = ? AND producer_id = ?');
  const deletePassedRuns = db.prepare(
    `DELETE FROM producer_runs WHERE topic_id = :id AND producer_id = :producer AND first_offset <
       (SELECT max(first_offset) FROM producer_runs
        WHERE topic_id = :id AND producer_id = :producer AND first_offset <= :first)`,
  );

  let walk: Walk | undefined;
  /** Per topic: producers are looked at again only after the first offset moved, and once a day. */
  const swept = new Map<string, { readonly firstOffset: number; readonly timeMs: number }>();

  function step(nowMs: number, isTight = false): boolean {
    const minFreePages = isTight ? 1 : FREE_PAGES;
    const at = walk ?? nextTopic('');
    if (!at) return shrink(minFreePages);
    walk = transact(() => {
      const next = visit(at, nowMs);
      topics.flush();
      return next;
    });
    const { firstOffset } = at;
    if (at.phase === 'producers' && walk?.phase !== 'producers') swept.set(at.topic, { firstOffset, timeMs: nowMs });
    return walk !== undefined || shrink(minFreePages);
  }

  function visit(at: Walk, nowMs: number): Walk | undefined {
    const topic = topics.find(at.topic);
    if (!topic) return nextTopic(at.topic);
    if (at.phase === 'producers') return sweepProducers(topic, at, nowMs) ?? nextTopic(at.topic);
    if (sweepSegments(topic, nowMs)) return at;
    const { firstOffset } = topic;
    if (isSwept(at.topic, firstOffset, nowMs)) return nextTopic(at.topic);
    return { topic: at.topic, phase: 'producers', after: '', firstOffset };
  }

  /** Frees segments from the oldest on while they are trimmed or past retention; true if it stopped for the step's sake. */
  function sweepSegments(topic: TopicState, nowMs: number): boolean {
    for (let count = 0; count < STEP; count++) {
      const segment = segments.first(topic.id);
      if (!segment || (segment.last_offset >= topic.firstOffset && !isExpired(topic, segment, nowMs))) return false;
      topics.change(topic);
      forgetIds(topic, segment);
      segments.remove(topic.id, segment);
      topic.storedBytes -= segment.size;
      topic.firstOffset = Math.max(topic.firstOffset, segment.last_offset + 1);
      topics.commitUnit();
    }
    return true;
  }

  function forgetIds(topic: TopicState, segment: SegmentRow): void {
    const reader = new WireReader(readable(topic, segment));
    let offset = segment.last_offset - segment.count + 1;
    while (reader.pos < reader.end) {
      const end = nextInRun(reader);
      const start = reader.pos;
      const eventEnd = enterEvent(reader);
      const { id } = readEventKey(reader.bytes, reader.pos, eventEnd);
      reader.pos = start;
      if (id !== '') deleteId.run(topic.id, readAuthor(reader), id, offset);
      reader.pos = end;
      offset++;
    }
  }

  /** A damaged segment goes as well: the ids that cannot be read in it stay behind, and nothing refers to them. */
  function readable(topic: TopicState, segment: SegmentRow): Uint8Array {
    try {
      return segments.records(topic, segment);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      return new Uint8Array();
    }
  }

  function isSwept(topic: string, firstOffset: number, nowMs: number): boolean {
    const last = swept.get(topic);
    if (!last) return firstOffset === 1;
    return last.firstOffset === firstOffset && nowMs - last.timeMs < SWEEP_AGAIN_MS;
  }

  function sweepProducers(topic: TopicState, at: Walk, nowMs: number): Walk | undefined {
    const rows = selectProducers.all(topic.id, at.after);
    for (const row of rows) {
      const producer = row.producer_id;
      const isIdle = row.last_offset < topic.firstOffset && row.last_time < nowMs - producerMaxIdleMs;
      if (isIdle || !isKnown(row, topic)) {
        deleteProducer.run(topic.id, producer);
        deleteRuns.run(topic.id, producer);
      } else {
        deletePassedRuns.run({ id: topic.id, producer, first: topic.firstOffset });
      }
    }
    const last = rows.at(-1);
    return last && { ...at, after: last.producer_id };
  }

  function nextTopic(after: string): Walk | undefined {
    const topic = selectNextTopic.get(after);
    return topic === undefined ? undefined : { topic, phase: 'segments', after: '', firstOffset: 0 };
  }

  /** Gives free pages back to the file system; true if there are more. */
  function shrink(minFreePages: number): boolean {
    if ((db.pragma('freelist_count', { simple: true }) as number) < minFreePages) return false;
    db.pragma(`incremental_vacuum(${VACUUM_PAGES})`);
    return true;
  }

  return { step };
}

function isExpired(topic: TopicState, segment: SegmentRow, nowMs: number): boolean {
  return (
    (topic.maxAgeMs !== null && segment.last_time < nowMs - topic.maxAgeMs) ||
    (topic.maxBytes !== null && topic.storedBytes > topic.maxBytes) ||
    (topic.maxEvents !== null && segment.last_offset <= topic.headOffset - topic.maxEvents)
  );
}

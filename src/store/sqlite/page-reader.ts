import type { Database } from 'better-sqlite3';
import { DomainError, isDomainError } from '../../domain/errors.js';
import type { EventMatcher } from '../encoding/event-matcher.js';
import { readCommitTime } from '../encoding/event-record.js';
import { nextInRun } from '../encoding/event-run.js';
import { WireReader } from '../encoding/wire.js';
import type { Page, ReadOptions } from '../store.js';
import { offsetBeyondHead } from './cursor-table.js';
import { PageBuilder } from './page-builder.js';
import { type SegmentRow, type SegmentTable, damaged } from './segment-table.js';

export interface PageReader {
  readPage(topic: string, after: number, options: ReadOptions): Page;
  bounds(topic: string): TopicBounds | undefined;
  /** See `Store.commitTime`. */
  commitTime(topic: string, offset: number): number;
}

export interface TopicBounds {
  readonly topic_id: number;
  readonly first_offset: number;
  readonly head_offset: number;
  readonly last_commit_time: number;
  readonly producers_after: number;
}

const NOTHING = new Uint8Array();
/** Pages near the head that stay at hand: readers who wait there all ask for the same one after a wake-up. */
const SHARED_PAGES = 64;

/** Reads pages; see the port for their bounds. Synchronous: callers let the event loop turn between pages. */
export function createPageReader(db: Database, segments: SegmentTable): PageReader {
  const selectBounds = db.prepare<[string], TopicBounds>(
    'SELECT topic_id, first_offset, head_offset, last_commit_time, producers_after FROM topics WHERE name = ?',
  );
  const shared = new Map<string, Page>();

  /** One snapshot for all statements, so that a trim in between cannot leave a hole. */
  const readPage = db.transaction((topic: string, after: number, options: ReadOptions): Page => {
    const bounds = selectBounds.get(topic);
    const head = bounds?.head_offset ?? 0;
    if (after > head) throw offsetBeyondHead(topic, after, head);
    if (!bounds) return { bytes: NOTHING, count: 0, scannedTo: after, head };
    if (after === head) {
      return { bytes: NOTHING, count: 0, scannedTo: after, head, commitTimeMs: bounds.last_commit_time };
    }
    if (after + 1 < bounds.first_offset) throw offsetTrimmed(topic, after, bounds.first_offset);
    const isPlain = !options.matcher && options.limit === undefined && options.last === undefined;
    return isPlain ? readShared(topic, bounds, after, options) : build(topic, bounds, after, options);
  });

  function readShared(topic: string, bounds: TopicBounds, after: number, { maxBytes }: ReadOptions): Page {
    const key = `${bounds.topic_id}:${after}:${maxBytes ?? ''}`;
    const known = shared.get(key);
    if (known?.head === bounds.head_offset) return known;
    const page = build(topic, bounds, after, { maxBytes });
    if (page.scannedTo === page.head) share(key, page);
    return page;
  }

  function share(key: string, page: Page): void {
    shared.delete(key);
    shared.set(key, page);
    const [oldest] = shared.keys();
    if (shared.size > SHARED_PAGES && oldest !== undefined) shared.delete(oldest);
  }

  function build(topic: string, bounds: TopicBounds, after: number, options: ReadOptions): Page {
    const { matcher, limit = Infinity, maxBytes } = options;
    const head = bounds.head_offset;
    const page = new PageBuilder(after, Math.min(options.last ?? head, head), limit, matcher, maxBytes);
    try {
      if (page.wantsMore) fill(page, topic, bounds, matcher);
    } catch (error) {
      // What comes before a damaged segment is delivered; the next page begins with it.
      if (!isDomainError(error) || page.scannedTo === after) throw error;
    }
    const { scannedTo, count } = page;
    const commitTimeMs = page.commitTimeMs || timeAt(topic, bounds, scannedTo);
    return { bytes: page.bytes(), count, scannedTo, head, commitTimeMs };
  }

  function timeAt(name: string, bounds: TopicBounds, offset: number): number {
    const { topic_id: id, first_offset, head_offset, last_commit_time } = bounds;
    if (offset === head_offset) return last_commit_time;
    if (offset < first_offset || offset > head_offset) return 0;
    try {
      const segment = segments.find({ id, name }, offset);
      if (!segment) return 0;
      if (segment.last_offset === offset) return segment.last_time;
      const index = offset - (segment.last_offset - segment.count + 1);
      return index < 0 ? 0 : commitTimeOf(segments.records({ id, name }, segment), index);
    } catch (error) {
      // Damage: those who read it are told.
      if (!isDomainError(error)) throw error;
      return 0;
    }
  }

  const commitTime = db.transaction((topic: string, offset: number): number => {
    const bounds = selectBounds.get(topic);
    return bounds ? timeAt(topic, bounds, offset) : 0;
  });

  function fill(page: PageBuilder, name: string, { topic_id: id }: TopicBounds, matcher?: EventMatcher): void {
    const topic = { id, name };
    for (const segment of segments.iterate(topic, page.scannedTo + 1)) {
      const first = segment.last_offset - segment.count + 1;
      if (first > page.scannedTo + 1) throw damaged(name, page.scannedTo + 1, first - 1);
      if (matcher && !mayMatch(matcher, segment)) page.skip(segment.last_offset, segment.last_time);
      else page.add(segments.records(topic, segment), first, segment.last_offset, segment.last_time);
      if (!page.wantsMore) return;
    }
    throw damaged(name, page.scannedTo + 1, page.last);
  }

  return { readPage, commitTime, bounds: (topic) => selectBounds.get(topic) };
}

/** Of the record at an index of a run. */
function commitTimeOf(records: Uint8Array, index: number): number {
  const reader = new WireReader(records);
  for (let passed = 0; passed < index; passed++) reader.pos = nextInRun(reader);
  nextInRun(reader);
  return readCommitTime(reader);
}

function mayMatch(matcher: EventMatcher, segment: SegmentRow): boolean {
  return segment.types === null || matcher.mayMatch(JSON.parse(segment.types) as string[]);
}

function offsetTrimmed(topic: string, after: number, first: number): DomainError {
  return new DomainError(
    'out-of-range',
    'OFFSET_TRIMMED',
    `topic "${topic}" no longer keeps offset ${after + 1}: its first event is ${first}, ` +
      `go on after ${first - 1} if what is lost may be lost`,
    { metadata: { topic, first_offset: `${first}` } },
  );
}

import type { Database } from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import type { CommitCursor, CursorResult } from '../store.js';
import type { TopicTable } from './topic-table.js';

/** Named cursors that a topic may have. */
const MAX_CURSORS = 1000;

/** Carries out CommitCursor. */
export class CursorTable {
  private readonly select;
  private readonly count;
  private readonly replace;

  constructor(
    db: Database,
    private readonly topics: TopicTable,
  ) {
    this.select = db
      .prepare<[number, string], number>('SELECT event_offset FROM cursors WHERE topic_id = ? AND cursor = ?')
      .pluck();
    this.count = db.prepare<[number], number>('SELECT count(*) FROM cursors WHERE topic_id = ?').pluck();
    this.replace = db.prepare('REPLACE INTO cursors VALUES (?, ?, ?, ?)');
  }

  commit(change: CommitCursor, nowMs: number): CursorResult {
    const topic = this.topics.find(change.topic);
    const headOffset = topic?.headOffset ?? 0;
    if (change.offset > headOffset) throw offsetBeyondHead(change.topic, change.offset, headOffset);
    // A reader who waits for a first event, or has read a topic to its deletion, does not bring it into being.
    if (!topic || topic.deleted) return { offset: 0, headOffset };
    const current = this.select.get(topic.id, change.cursor);
    if (current === undefined) this.checkCount(topic.id, change.topic);
    if (current !== undefined && change.offset <= current && !change.rewind) return { offset: current, headOffset };
    this.replace.run(topic.id, change.cursor, change.offset, nowMs);
    return { offset: change.offset, headOffset };
  }

  private checkCount(topicId: number, topic: string): void {
    if ((this.count.get(topicId) ?? 0) < MAX_CURSORS) return;
    throw new DomainError(
      'exhausted',
      'TOO_MANY_CURSORS',
      `topic "${topic}" has ${MAX_CURSORS} cursors already: use one of them again`,
      { metadata: { topic, limit: `${MAX_CURSORS}` } },
    );
  }
}

export function offsetBeyondHead(topic: string, offset: number, headOffset: number): DomainError {
  return new DomainError(
    'out-of-range',
    'OFFSET_BEYOND_HEAD',
    `topic "${topic}" ends at offset ${headOffset}, before ${offset}: offsets that were not given yet cannot be named`,
    { metadata: { topic, head_offset: `${headOffset}` } },
  );
}

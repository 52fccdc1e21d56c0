import type { Database } from 'better-sqlite3';
import { notFound } from '../../domain/errors.js';
import type { DeleteTopic, SetRetention, TopicInfo, TrimTopic } from '../store.js';
import { offsetBeyondHead } from './cursor-table.js';
import { type TopicState, type TopicTable, toTopicInfo } from './topic-table.js';

/** Carries out SetRetention, TrimTopic and DeleteTopic. Rows that are given up go later, in housekeeping.ts. */
export class TopicChanges {
  private readonly deleteCursors;

  constructor(
    db: Database,
    private readonly topics: TopicTable,
  ) {
    this.deleteCursors = db.prepare('DELETE FROM cursors WHERE topic_id = ?');
  }

  setRetention(change: SetRetention, nowMs: number): TopicInfo {
    const topic = this.topics.open(change.topic, nowMs);
    if (change.maxAgeMs !== undefined) topic.maxAgeMs = change.maxAgeMs;
    if (change.maxBytes !== undefined) topic.maxBytes = change.maxBytes;
    if (change.maxEvents !== undefined) topic.maxEvents = change.maxEvents;
    return toTopicInfo(topic);
  }

  trim(change: TrimTopic): TopicInfo {
    const topic = this.known(change.topic);
    if (change.firstOffset > topic.headOffset + 1) {
      throw offsetBeyondHead(change.topic, change.firstOffset, topic.headOffset);
    }
    if (change.firstOffset > topic.firstOffset) this.topics.change(topic).firstOffset = change.firstOffset;
    return toTopicInfo(topic);
  }

  delete(change: DeleteTopic): TopicInfo {
    const topic = this.topics.change(this.known(change.topic));
    this.deleteCursors.run(topic.id);
    Object.assign(topic, { firstOffset: topic.headOffset + 1, deleted: true, producersAfter: topic.headOffset });
    Object.assign(topic, { maxAgeMs: null, maxBytes: null, maxEvents: null });
    return toTopicInfo(topic);
  }

  private known(name: string): TopicState {
    const topic = this.topics.find(name);
    if (!topic || topic.deleted) throw notFound('TOPIC_NOT_FOUND', 'leat.v1.Topic', name);
    return topic;
  }
}

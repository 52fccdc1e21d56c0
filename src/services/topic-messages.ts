import type { Cursor, Retention as RetentionMessage, Topic } from '../../gen/leat/v1/event_service.js';
import type { CursorInfo, Retention, TopicInfo } from '../store/store.js';
import { durationFromMs, timestampFromMs } from '../domain/timestamps.js';

/** leat.v1.Topic of what the store tells. */
export function toTopicMessage(info: TopicInfo): Topic {
  return {
    topic: info.topic,
    firstOffset: BigInt(info.firstOffset),
    headOffset: BigInt(info.headOffset),
    storedBytes: BigInt(info.storedBytes),
    createTime: timestampFromMs(info.createTimeMs),
    lastCommitTime: info.lastCommitTimeMs === 0 ? undefined : timestampFromMs(info.lastCommitTimeMs),
    retention: toRetentionMessage(info.retention),
  };
}

/** leat.v1.Cursor of what the store tells. */
export function toCursorMessage({ cursor, offset, commitTimeMs }: CursorInfo): Cursor {
  return { cursor, offset: BigInt(offset), commitTime: timestampFromMs(commitTimeMs) };
}

function toRetentionMessage({ maxAgeMs, maxBytes, maxEvents }: Retention): RetentionMessage {
  return {
    maxAge: maxAgeMs === undefined ? undefined : durationFromMs(maxAgeMs),
    maxBytes: maxBytes === undefined ? undefined : BigInt(maxBytes),
    maxEvents: maxEvents === undefined ? undefined : BigInt(maxEvents),
  };
}

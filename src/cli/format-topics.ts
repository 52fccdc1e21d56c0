import { Topic, type Cursor } from '../../gen/leat/v1/event_service.js';
import { cursorFields, lagOf } from './cursor-fields.js';
import type { DescribedTopic } from './describe-topics.js';
import { escapeJson } from './escape-text.js';
import { formatAge, formatTime } from './format-time.js';
import { formatBytes } from './progress.js';

/** How fast a topic grows, per second; undefined while that is not known, or when it shrank. */
export interface TopicRates {
  readonly events?: number;
  readonly bytes?: number;
}

/** One line of JSON, without anything that nobody asked for. */
export function formatTopicJson({ topic, cursors }: DescribedTopic, more: object = {}): string {
  const zeros = { topic: '', firstOffset: '0', headOffset: '0', storedBytes: '0' };
  const readers = cursors && { cursors: cursors.map((cursor) => cursorFields(cursor, topic.headOffset)) };
  return `${escapeJson(JSON.stringify({ ...zeros, ...(Topic.toJSON(topic) as object), ...readers, ...more }))}\n`;
}

export function topicColumns({ long = false, watch = false }: { long?: boolean; watch?: boolean }): string[] {
  const place = watch ? ['EVENTS/S', 'BYTES/S'] : ['FIRST', 'HEAD'];
  const columns = ['TOPIC', 'EVENTS', ...place, 'SIZE', ...(watch ? [] : ['LAST COMMIT']), 'AGE'];
  return long ? [...columns, 'CURSORS', 'MAX LAG'] : columns;
}

/** A row below `topicColumns`; with `rates` for somebody who watches. */
export function topicRow({ topic, cursors }: DescribedTopic, nowMs: number, rates?: TopicRates): string[] {
  const { firstOffset, headOffset, lastCommitTime } = topic;
  return [
    topic.topic,
    String(headOffset - firstOffset + 1n),
    ...(rates === undefined ? [String(firstOffset), String(headOffset)] : formatRates(rates)),
    formatBytes(Number(topic.storedBytes)),
    ...(rates === undefined ? [formatTime(lastCommitTime)] : []),
    formatAge(lastCommitTime, nowMs),
    ...(cursors === undefined ? [] : [String(cursors.length), maxLag(cursors, headOffset)]),
  ];
}

function formatRates({ events, bytes }: TopicRates): string[] {
  return [
    events === undefined ? '-' : events.toFixed(events > 0 && events < 10 ? 1 : 0),
    bytes === undefined ? '-' : `${formatBytes(bytes)}/s`,
  ];
}

function maxLag(cursors: readonly Cursor[], headOffset: bigint): string {
  if (cursors.length === 0) return '-';
  return String(cursors.map((cursor) => lagOf(cursor, headOffset)).reduce((most, lag) => (lag > most ? lag : most)));
}

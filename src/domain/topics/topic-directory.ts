import type { CursorInfo, DeleteTopic, ProducerInfo, Store, TopicInfo, TrimTopic } from '../../store/store.js';
import { DomainError, isDomainError } from '../errors.js';
import { isSystemTopic, topicNotFound, topicReserved } from './topic-name.js';
import type { TopicsPage } from './topic-requests.js';

/** The topic with its cursors, in the order of their names. Errors: `not-found` TOPIC_NOT_FOUND. */
export async function describeTopic(
  store: Store,
  name: string,
): Promise<{ topic: TopicInfo; cursors: readonly CursorInfo[] }> {
  const topic = await store.topic(name);
  if (!topic) throw topicNotFound(name);
  return { topic, cursors: await store.listCursors(name) };
}

/** A page of topics and the token of the next one; empty if there is none. */
export async function listTopics(
  store: Store,
  { prefix, after, limit, tokens }: TopicsPage,
): Promise<{ topics: readonly TopicInfo[]; nextPageToken: string }> {
  const found = await store.listTopics({ prefix, after, limit: limit + 1 });
  const topics = found.slice(0, limit);
  const last = found.length > limit ? topics.at(-1) : undefined;
  return { topics, nextPageToken: last ? tokens.encode({ offset: 0, key: last.topic }) : '' };
}

/** Gives up the events below `firstOffset`. Errors: `forbidden` TOPIC_RESERVED, and those of the store's TrimTopic. */
export async function trimTopic(store: Store, trim: { topic: string; firstOffset: number }): Promise<TopicInfo> {
  refuseSystemTopic(trim.topic);
  return changeTopic(store, { kind: 'trim-topic', ...trim });
}

/** Gives up all of a topic. Errors: `forbidden` TOPIC_RESERVED, and those of the store's DeleteTopic. */
export async function deleteTopic(store: Store, topic: string): Promise<TopicInfo> {
  refuseSystemTopic(topic);
  return changeTopic(store, { kind: 'delete-topic', topic });
}

/** Errors: `not-found` PRODUCER_NOT_FOUND. */
export async function findProducer(store: Store, topic: string, producerId: string): Promise<ProducerInfo> {
  const producer = await store.producer(topic, producerId);
  if (producer) return producer;
  throw new DomainError(
    'not-found',
    'PRODUCER_NOT_FOUND',
    `nothing is known of producer "${producerId}" on topic "${topic}": a new producer begins with sequence 1`,
    { metadata: { topic }, resource: { type: 'leat.v1.Producer', name: producerId } },
  );
}

async function changeTopic(store: Store, change: TrimTopic | DeleteTopic): Promise<TopicInfo> {
  try {
    const [topic] = await store.write([change]);
    return topic;
  } catch (error) {
    throw isDomainError(error) && error.reason === 'TOPIC_NOT_FOUND' ? topicNotFound(change.topic) : error;
  }
}

function refuseSystemTopic(topic: string): void {
  if (!isSystemTopic(topic)) return;
  throw topicReserved(topic, 'set how long it keeps its events with UpdateTopic');
}

import type { EventServiceImplementation } from '../../gen/leat/v1/event_service.js';
import { checkPosition } from '../domain/events/check-position.js';
import {
  readCommitCursor,
  readGetProducer,
  readListTopics,
  readTopicName,
  readTrimTopic,
  readUpdateTopic,
} from '../domain/topics/topic-requests.js';
import { deleteTopic, describeTopic, findProducer, listTopics, trimTopic } from '../domain/topics/topic-directory.js';
import type { LeatCallContext } from '../middleware/call-context.js';
import type { Store } from '../store/store.js';
import { toCursorMessage, toTopicMessage } from './topic-messages.js';

export type TopicHandlers = Pick<
  EventServiceImplementation<LeatCallContext>,
  'getProducer' | 'commitCursor' | 'getTopic' | 'listTopics' | 'updateTopic' | 'trimTopic' | 'deleteTopic'
>;

/** The unary handlers of EventService about topics and their readers and writers. */
export function createTopicHandlers({ store }: { store: Store }): TopicHandlers {
  return {
    async getProducer(request) {
      const { topic, producerId } = readGetProducer(request);
      const { lastSequence, lastOffset } = await findProducer(store, topic, producerId);
      return { lastSequence: BigInt(lastSequence), lastOffset: BigInt(lastOffset) };
    },
    async commitCursor(request) {
      const { position, place } = readCommitCursor(store.epoch, request);
      if (place) await checkPosition(store, position.topic, 'resume_token', place);
      const [cursor] = await store.write([{ kind: 'commit-cursor', ...position }]);
      return { offset: BigInt(cursor.offset), headOffset: BigInt(cursor.headOffset) };
    },
    async getTopic(request) {
      const { topic, cursors } = await describeTopic(store, readTopicName(request));
      return { topic: toTopicMessage(topic), cursors: cursors.map(toCursorMessage) };
    },
    async listTopics(request) {
      const { topics, nextPageToken } = await listTopics(store, readListTopics(store.epoch, request));
      return { topics: topics.map(toTopicMessage), nextPageToken };
    },
    async updateTopic(request) {
      const { topic, retention } = readUpdateTopic(request);
      const [updated] = await store.write([{ kind: 'set-retention', topic, ...retention }]);
      return { topic: toTopicMessage(updated) };
    },
    async trimTopic(request) {
      const { place, ...trim } = readTrimTopic(store.epoch, request);
      if (place) await checkPosition(store, trim.topic, 'resume_token', place);
      const { firstOffset } = await trimTopic(store, trim);
      return { firstOffset: BigInt(firstOffset) };
    },
    async deleteTopic(request) {
      const { headOffset } = await deleteTopic(store, readTopicName(request));
      return { headOffset: BigInt(headOffset) };
    },
  };
}

import { DomainError } from '../errors.js';
import { checkLength } from '../validation/text.js';
import type { Violations } from '../validation/violations.js';

/** Characters a topic's name may have. */
export const MAX_TOPIC_LENGTH = 200;

const NAME = /^[a-z0-9][a-z0-9._-]*(?:\/[a-z0-9][a-z0-9._-]*)*$/;

/** A topic's name: segments [a-z0-9][a-z0-9._-]* joined by single slashes, at most 200 characters. */
export function checkTopicName(violations: Violations, field: string, topic: string): void {
  if (topic.length === 0 || topic.length > MAX_TOPIC_LENGTH) {
    checkLength(violations, field, topic, 1, MAX_TOPIC_LENGTH);
  } else if (!NAME.test(topic)) {
    violations.add(field, 'must be segments [a-z0-9][a-z0-9._-]* joined by single slashes, for example "orders/eu"');
  }
}

/** The service's own topics: they tell what changed, and end with their retention only. */
export function isSystemTopic(topic: string): boolean {
  return topic.startsWith('sys/');
}

/** Topics that only the service appends to. */
export function isReservedTopic(topic: string): boolean {
  return isSystemTopic(topic) || topic.startsWith('rooms/');
}

/** The error TOPIC_RESERVED; `advice` completes the sentence with what to do instead. */
export function topicReserved(topic: string, advice: string): DomainError {
  return new DomainError('forbidden', 'TOPIC_RESERVED', `topic "${topic}" is reserved for the service: ${advice}`, {
    metadata: { topic },
    resource: { type: 'leat.v1.Topic', name: topic },
  });
}

/** The error TOPIC_NOT_FOUND. */
export function topicNotFound(topic: string): DomainError {
  return new DomainError(
    'not-found',
    'TOPIC_NOT_FOUND',
    `topic "${topic}" was never written to or set up: check the name with ListTopics, or publish its first event`,
    { metadata: { topic }, resource: { type: 'leat.v1.Topic', name: topic } },
  );
}

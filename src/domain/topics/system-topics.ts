import type { Store } from '../../store/store.js';

/** Every change to a user, in the order of the changes. */
export const USERS_TOPIC = 'sys/users';

/** Every blob that came or went, in the order of the changes. */
export const BLOBS_TOPIC = 'sys/blobs';

const SYSTEM_TOPICS = [USERS_TOPIC, BLOBS_TOPIC];

/**
 * Sets up the service's own topics that the store does not know yet. One that is known keeps its retention: from then
 * on it is the operator's.
 */
export async function ensureSystemTopics(store: Store, { maxAgeMs }: { maxAgeMs: number }): Promise<void> {
  for (const topic of SYSTEM_TOPICS) {
    if (await store.topic(topic)) continue;
    await store.write([{ kind: 'set-retention', topic, maxAgeMs }]);
  }
}

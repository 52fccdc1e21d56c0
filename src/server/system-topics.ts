import type { Config } from '../config.js';
import type { Store } from '../store/store.js';

const topics = ['sys/users'];

/** Gives the service's own topics their retention when the store is new; afterwards it is the operator's. */
export async function prepareSystemTopics(store: Store, config: Config): Promise<void> {
  for (const topic of topics) {
    if ((await store.topic(topic)) !== undefined) continue;
    await store.write([{ kind: 'set-retention', topic, maxAgeMs: config.sysMaxAge }]);
  }
}

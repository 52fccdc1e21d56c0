import { Event } from '../../gen/leat/v1/event.js';
import { encodeEventRun } from '../../src/store/encoding/event-run.js';
import type { AppendEvents, Store } from '../../src/store/store.js';

/** Appends so many events to a topic. */
export async function appendEvents(
  store: Store,
  topic: string,
  count: number,
  producer?: AppendEvents['producer'],
): Promise<void> {
  const event = Event.encode(Event.fromPartial({ type: 'test' })).finish();
  const events = encodeEventRun(Array.from({ length: count }, () => event));
  await store.write([{ kind: 'append-events', topic, author: '', events, producer }]);
}

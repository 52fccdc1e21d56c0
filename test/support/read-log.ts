import { EventRecord } from '../../gen/leat/v1/event.js';
import { ListEventsResponse } from '../../gen/leat/v1/event_service.js';
import type { Store } from '../../src/store/store.js';

/** All records of a topic after an offset, up to its head. */
export async function readLog(store: Store, topic: string, after = 0): Promise<readonly EventRecord[]> {
  const records: EventRecord[] = [];
  for (let cursor = after; ;) {
    const page = await store.readPage(topic, cursor);
    records.push(...ListEventsResponse.decode(page.bytes).records);
    cursor = page.scannedTo;
    if (cursor >= page.head) return records;
  }
}

/** The event of a record, its payload read as JSON. */
export function readJsonEvent({ event, offset, author }: EventRecord) {
  const data = event?.payload?.$case === 'text' ? (JSON.parse(event.payload.value) as unknown) : undefined;
  return { offset: Number(offset), author, type: event?.type, subject: event?.subject, data };
}

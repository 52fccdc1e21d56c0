import { Event } from '../../gen/leat/v1/event.js';
import type { EventRecord } from '../../gen/leat/v1/event.js';
import { ListEventsResponse } from '../../gen/leat/v1/event_service.js';
import type { EventMatcher } from '../../src/store/encoding/event-matcher.js';
import { encodeEventRun } from '../../src/store/encoding/event-run.js';
import type { EventRun } from '../../src/store/encoding/event-run.js';
import type { AppendEvents, AppendResult, Page, ReadOptions, Store } from '../../src/store/store.js';

export type EventFields = Parameters<typeof Event.fromPartial>[0];

/** Packs events as an author sends them. */
export function runOf(...events: readonly EventFields[]): EventRun {
  return encodeEventRun(events.map((event) => Event.encode(Event.fromPartial(event)).finish()));
}

/** An event with a text. */
export function text(value: string, fields: EventFields = {}): EventFields {
  return { type: 'note', payload: { $case: 'text', value }, ...fields };
}

/** An event that carries so many bytes. */
export function bulky(bytes: number, fields: EventFields = {}): EventFields {
  return { type: 'bulk', payload: { $case: 'data', value: new Uint8Array(bytes) }, ...fields };
}

/** Events with the texts 1 to `count`. */
export function texts(count: number): EventFields[] {
  return Array.from({ length: count }, (_, index) => text(`${index + 1}`));
}

export function appendOf(
  topic: string,
  events: readonly EventFields[],
  options: Partial<Pick<AppendEvents, 'author' | 'expectedLastOffset' | 'producer'>> = {},
): AppendEvents {
  return { kind: 'append-events', topic, author: 'ada', events: runOf(...events), ...options };
}

/** Appends in a unit of its own. */
export async function append(store: Store, ...args: Parameters<typeof appendOf>): Promise<AppendResult> {
  const [result] = await store.write([appendOf(...args)]);
  return result;
}

export function recordsOf(page: Page): EventRecord[] {
  return ListEventsResponse.decode(page.bytes).records;
}

/** Everything after an offset, page by page. */
export async function readAll(
  store: Store,
  topic: string,
  after = 0,
  options: ReadOptions = {},
): Promise<{ records: EventRecord[]; pages: Page[] }> {
  const pages: Page[] = [];
  const records: EventRecord[] = [];
  let page: Page;
  do {
    page = await store.readPage(topic, pages.at(-1)?.scannedTo ?? after, options);
    pages.push(page);
    records.push(...recordsOf(page));
  } while (page.scannedTo < Math.min(page.head, options.last ?? Infinity));
  return { records, pages };
}

/** `offset text` of each record. */
export async function contents(store: Store, topic: string, after = 0): Promise<string[]> {
  const { records } = await readAll(store, topic, after);
  return records.map(({ offset, event }) => `${offset} ${textOf(event)}`);
}

export function textOf(event: Event | undefined): string {
  return event?.payload?.$case === 'text' ? event.payload.value : '';
}

export function timeMsOf(record: EventRecord | undefined): number {
  if (record?.commitTime === undefined) throw new Error('a record without commit time');
  return Number(record.commitTime.seconds) * 1000 + record.commitTime.nanos / 1e6;
}

/** Matches events of a type, without knowing anything of segments. */
export function matchType(type: string): EventMatcher {
  return {
    mayMatch: () => true,
    matches: (bytes, start, end) => Event.decode(bytes.subarray(start, end)).type === type,
  };
}

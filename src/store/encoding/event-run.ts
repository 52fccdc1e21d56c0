import { WireReader, varintSize, writeVarint } from './wire.js';

/**
 * Encoded events on their way to the log: `tag, length, bytes` of each, one after the other, as field 1 of a protobuf
 * message (the shape they have in PublishEventsRequest.events), so that a batch is passed on without being taken apart.
 */
export interface EventRun {
  /** The run. It is copied before `write` returns. */
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** `(1 << 3) | LEN`: the tag of field 1, of which runs of events and pages of records are made. */
export const RUN_TAG = 0x0a;

/** Packs encoded events into a run. */
export function encodeEventRun(events: readonly Uint8Array[]): EventRun {
  const size = events.reduce((sum, event) => sum + 1 + varintSize(event.length) + event.length, 0);
  const bytes = new Uint8Array(size);
  let pos = 0;
  for (const event of events) {
    bytes[pos++] = RUN_TAG;
    pos = writeVarint(bytes, pos, event.length);
    bytes.set(event, pos);
    pos += event.length;
  }
  return { bytes, count: events.length };
}

/** Moves a reader over the tag and length of the next element of a run; the element is `[reader.pos, result)`. */
export function nextInRun(reader: WireReader): number {
  reader.pos++;
  return reader.lengthEnd();
}

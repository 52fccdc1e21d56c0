import { decodeText } from './event-fields.js';
import { RUN_TAG } from './event-run.js';
import { type WireReader, varintSize, writeVarint } from './wire.js';

const OFFSET = 0x08; // EventRecord.offset, varint
const COMMIT_TIME = 0x12; // EventRecord.commit_time, message
const AUTHOR = 0x1a; // EventRecord.author, string
const EVENT = 0x22; // EventRecord.event, message
const SECONDS = 0x08; // Timestamp.seconds, varint
const NANOS = 0x10; // Timestamp.nanos, varint

/** What the service says of an event: all that is encoded anew. */
export interface RecordHeader {
  readonly offset: number;
  readonly commitTimeMs: number;
  /** UTF-8. */
  readonly author: Uint8Array;
}

function timestampSize(timeMs: number): number {
  const nanos = (timeMs % 1000) * 1e6;
  return 1 + varintSize(Math.floor(timeMs / 1000)) + (nanos > 0 ? 1 + varintSize(nanos) : 0);
}

function recordSize(header: RecordHeader, eventSize: number): number {
  const { author } = header;
  return (
    1 +
    varintSize(header.offset) +
    (2 + timestampSize(header.commitTimeMs)) +
    (author.length > 0 ? 1 + varintSize(author.length) + author.length : 0) +
    (1 + varintSize(eventSize) + eventSize)
  );
}

/** Bytes that the record takes in a run: tag, length, header and event. */
export function recordEntrySize(header: RecordHeader, eventSize: number): number {
  const size = recordSize(header, eventSize);
  return 1 + varintSize(size) + size;
}

/**
 * Writes one leat.v1.EventRecord as an element of a run at `pos` and returns where it ends. The event's bytes are
 * copied as they are and nested in a field of their own, so that no author can forge a header.
 */
export function writeRecordEntry(
  out: Uint8Array,
  pos: number,
  header: RecordHeader,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  let at = pos;
  out[at++] = RUN_TAG;
  at = writeVarint(out, at, recordSize(header, end - start));
  out[at++] = OFFSET;
  at = writeVarint(out, at, header.offset);
  out[at++] = COMMIT_TIME;
  out[at++] = timestampSize(header.commitTimeMs);
  at = writeTimestamp(out, at, header.commitTimeMs);
  if (header.author.length > 0) {
    out[at++] = AUTHOR;
    at = writeVarint(out, at, header.author.length);
    out.set(header.author, at);
    at += header.author.length;
  }
  out[at++] = EVENT;
  at = writeVarint(out, at, end - start);
  out.set(source.subarray(start, end), at);
  return at + (end - start);
}

function writeTimestamp(out: Uint8Array, pos: number, timeMs: number): number {
  let at = pos;
  out[at++] = SECONDS;
  at = writeVarint(out, at, Math.floor(timeMs / 1000));
  const nanos = (timeMs % 1000) * 1e6;
  if (nanos === 0) return at;
  out[at++] = NANOS;
  return writeVarint(out, at, nanos);
}

/** Moves a reader from the start of a record to a field's value; false if the record has no such field before the event. */
function seek(reader: WireReader, wanted: number): boolean {
  for (;;) {
    const tag = reader.varint();
    if (tag === wanted) return true;
    if (tag === EVENT) return false;
    reader.skip(tag & 7);
  }
}

/** Moves a reader that stands at the start of a record, as written above, to its event: `[reader.pos, result)`. */
export function enterEvent(reader: WireReader): number {
  seek(reader, EVENT);
  return reader.lengthEnd();
}

/** commit_time of the record that a reader stands at the start of, in milliseconds. */
export function readCommitTime(reader: WireReader): number {
  seek(reader, COMMIT_TIME);
  const end = reader.lengthEnd();
  let timeMs = 0;
  while (reader.pos < end) {
    const tag = reader.varint();
    timeMs += tag === SECONDS ? reader.varint() * 1000 : reader.varint() / 1e6;
  }
  return timeMs;
}

/** The author of the record that a reader stands at the start of; empty if there is none. */
export function readAuthor(reader: WireReader): string {
  if (!seek(reader, AUTHOR)) return '';
  const end = reader.lengthEnd();
  return decodeText(reader.bytes, reader.pos, end);
}

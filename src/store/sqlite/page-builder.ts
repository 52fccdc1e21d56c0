import { enterEvent, readCommitTime } from '../encoding/event-record.js';
import type { EventMatcher } from '../encoding/event-matcher.js';
import { nextInRun } from '../encoding/event-run.js';
import { WireReader } from '../encoding/wire.js';

/** A page stops after so many bytes of matches (or one larger record) … */
export const PAGE_BYTES = 64 * 1024;
/** … or so many bytes or events looked at, matched or not. */
export const SCAN_BYTES = 1024 * 1024;
export const SCAN_EVENTS = 4096;

/** Collects a page from segments that are offered in order. */
export class PageBuilder {
  count = 0;
  scannedTo: number;
  /** The record of `scannedTo`, if the page ends within a segment: a run, and where in it. */
  private lastRun: Uint8Array | undefined;
  private lastStart = 0;
  /** The commit time of `scannedTo`, if the page ends with a segment; 0 if it does not. */
  private lastTime = 0;
  private size = 0;
  private scannedBytes = 0;
  private scannedEvents = 0;
  /** A segment was left in the middle: what comes behind it must wait for the next page. */
  private full = false;
  private readonly chunks: Uint8Array[] = [];

  constructor(
    after: number,
    /** Nothing above this offset is looked at. */
    readonly last: number,
    private readonly limit: number,
    private readonly matcher: EventMatcher | undefined,
    private readonly maxBytes: number = PAGE_BYTES,
  ) {
    this.scannedTo = after;
  }

  /**
   * Whether another segment should be offered. Half a page is enough to stop between segments: fetching one more to
   * fill the rest would read most full segments twice.
   */
  get wantsMore(): boolean {
    return (
      !this.full &&
      this.scannedTo < this.last &&
      this.count < this.limit &&
      this.size < this.maxBytes / 2 &&
      this.scannedBytes < SCAN_BYTES &&
      this.scannedEvents < SCAN_EVENTS
    );
  }

  /** The commit time of `scannedTo`; 0: unknown. */
  get commitTimeMs(): number {
    if (!this.lastRun) return this.lastTime;
    const reader = new WireReader(this.lastRun);
    reader.pos = this.lastStart;
    nextInRun(reader);
    return readCommitTime(reader);
  }

  /** Passes over a segment that cannot match, unread. `lastTime` is the commit time of its last event. */
  skip(lastOffset: number, lastTime: number): void {
    this.scannedTo = Math.min(lastOffset, this.last);
    this.endsWith(lastOffset, lastTime);
    this.scannedEvents++;
  }

  /** Takes what belongs into the page from the records of a segment whose first offset is `firstOffset`. */
  add(records: Uint8Array, firstOffset: number, lastOffset: number, lastTime: number): void {
    this.take(records, firstOffset, lastOffset);
    this.endsWith(lastOffset, lastTime);
  }

  private endsWith(lastOffset: number, lastTime: number): void {
    const isWhole = this.scannedTo === lastOffset;
    this.lastTime = isWhole ? lastTime : 0;
    if (isWhole) this.lastRun = undefined;
  }

  private take(records: Uint8Array, firstOffset: number, lastOffset: number): void {
    if (!this.matcher && this.takesWhole(records, firstOffset, lastOffset)) {
      this.push(records, 0, records.length, lastOffset - firstOffset + 1);
      this.scannedTo = lastOffset;
      this.scannedEvents += lastOffset - firstOffset + 1;
      return;
    }
    this.walk(records, firstOffset);
  }

  /** The records as one run; shared with the store where nothing had to be joined. */
  bytes(): Uint8Array {
    const [first] = this.chunks;
    return this.chunks.length === 1 && first ? first : Buffer.concat(this.chunks, this.size);
  }

  private takesWhole(records: Uint8Array, firstOffset: number, lastOffset: number): boolean {
    return (
      this.scannedTo === firstOffset - 1 &&
      lastOffset <= this.last &&
      lastOffset - firstOffset + 1 <= Math.min(this.limit - this.count, SCAN_EVENTS - this.scannedEvents) &&
      (this.size + records.length <= this.maxBytes || (this.size === 0 && lastOffset === firstOffset))
    );
  }

  /** Record by record; neighbours that are taken stay one chunk. */
  private walk(records: Uint8Array, firstOffset: number): void {
    const reader = new WireReader(records);
    let chunkStart = 0;
    let chunkCount = 0;
    let offset = firstOffset;
    for (; reader.pos < records.length; offset++) {
      const start = reader.pos;
      const end = nextInRun(reader);
      const taken = offset > this.scannedTo && this.matchesAt(reader);
      const room = this.count + chunkCount < this.limit && this.fits(end - chunkStart, chunkCount);
      if (offset > this.last || (taken && !room) || (offset > this.scannedTo && this.hasScannedEnough)) {
        this.push(records, chunkStart, start, chunkCount);
        this.full = true;
        return;
      }
      reader.pos = end;
      if (offset > this.scannedTo) {
        this.sawOne(offset, end - start);
        this.lastRun = records;
        this.lastStart = start;
      }
      if (taken) {
        chunkCount++;
      } else {
        this.push(records, chunkStart, start, chunkCount);
        [chunkStart, chunkCount] = [end, 0];
      }
    }
    this.push(records, chunkStart, records.length, chunkCount);
  }

  private matchesAt(reader: WireReader): boolean {
    if (!this.matcher) return true;
    const eventEnd = enterEvent(reader);
    return this.matcher.matches(reader.bytes, reader.pos, eventEnd);
  }

  private fits(chunkSize: number, chunkCount: number): boolean {
    return this.size + chunkSize <= this.maxBytes || this.count + chunkCount === 0;
  }

  private get hasScannedEnough(): boolean {
    return this.scannedBytes >= SCAN_BYTES || this.scannedEvents >= SCAN_EVENTS;
  }

  private sawOne(offset: number, size: number): void {
    this.scannedTo = offset;
    this.scannedEvents++;
    this.scannedBytes += size;
  }

  private push(records: Uint8Array, start: number, end: number, count: number): void {
    if (count === 0) return;
    this.chunks.push(start === 0 && end === records.length ? records : records.subarray(start, end));
    this.size += end - start;
    this.count += count;
  }
}

import type { Seat } from '../../domain/chat/sessions.js';
import type { Page } from '../../store/store.js';
import { type ReaderState, createReaderStates } from '../../streams/reader-state.js';
import { type FactsPage, readSnapshot } from './fact-frames.js';
import type { Frame } from './frames.js';
import type { Pump, Turn } from './pump.js';
import type { RoomFeed } from './room-feed.js';

export interface MembershipDeps {
  readonly seat: Seat;
  readonly feed: RoomFeed;
  readonly pump: Pump;
  /** The messages before are not wanted. */
  readonly after: number;
  readonly afterTimeMs: number;
  /** The messages cannot be read any further. */
  readonly onLost: (membership: Membership, error: unknown) => void;
}

/** A stream's place in one room: two cursors, one in the messages and one in the log of who is there. */
export class Membership implements Turn {
  readonly seat: Seat;
  isPaused = false;
  readonly feed: RoomFeed;
  private readonly pump: Pump;
  private readonly onLost: MembershipDeps['onLost'];
  private readonly states = createReaderStates();
  /** The last state that the member was told. */
  private told: Exclude<ReaderState, 'complete'> | undefined;
  private readTo: number;
  /** Commit time of the message at `readTo`, in milliseconds; 0 if it is not kept. */
  private readTimeMs: number | undefined;
  private factsTo = 0;
  /** What was removed before RoomJoined was never told to it. */
  private begunAt = 0;
  /** RoomJoined was written; what follows is change. */
  private isIn = false;
  private isOver = false;
  /** Offset of the last message that its own stream has sent; 0: none. */
  private ownTo = 0;
  /** Called when it was told that message, or will not be. */
  private onOwnTold: (() => void) | undefined = undefined;

  constructor({ seat, feed, pump, after, afterTimeMs, onLost }: MembershipDeps) {
    this.seat = seat;
    this.feed = feed;
    this.pump = pump;
    this.readTo = after;
    this.readTimeMs = afterTimeMs;
    this.onLost = onLost;
  }

  /** How far it has read the log of who is there. */
  get knowsTo(): number {
    return this.isIn ? this.factsTo : Infinity;
  }

  /** RoomJoined, with the room as it is when it is written. Who has left meanwhile is answered all the same. */
  enter(): readonly Frame[] {
    const { memberId } = this.seat.member;
    const resumeToken = this.feed.resumeToken(this.readTo, this.readTimeMs);
    const page = readSnapshot(this.seat.room, { memberId, head: this.feed.head, resumeToken });
    if (this.isOver) return page.frames;
    this.factsTo = page.to;
    this.begunAt = this.seat.room.log.version;
    this.isIn = true;
    this.pump.ask(this);
    return page.frames;
  }

  close(): void {
    this.isOver = true;
    this.isIn = false;
    this.pump.cancel(this);
    this.onOwnTold?.();
  }

  noteOwnMessage(offset: number): void {
    this.ownTo = Math.max(this.ownTo, offset);
  }

  /** Resolves when its own last message was told; at once if it is paused, for then no message is. */
  async hasOwnMessages(): Promise<void> {
    if (this.isOver || this.isPaused || this.readTo >= this.ownTo) return;
    await new Promise<void>((resolve) => (this.onOwnTold = resolve));
  }

  /** Takes what everybody at the head of the room is given, if it is there and can be written to. */
  takeMessages(from: number, page: Page): void {
    if (!this.isIn || this.isPaused || this.readTo >= page.scannedTo) return;
    if (this.readTo === from && this.told !== undefined && this.isReady) this.tellMessages(page);
    else this.pump.ask(this);
  }

  /** As `takeMessages`, of who is there. */
  takeFacts(from: number, page: FactsPage): void {
    if (!this.isIn || this.factsTo >= page.to) return;
    if (this.factsTo === from && this.isReady && !this.hasMissed) this.tellFacts(page);
    else this.pump.ask(this);
  }

  setPaused(isPaused: boolean): void {
    this.isPaused = isPaused;
    if (!isPaused && this.isIn) this.pump.ask(this);
  }

  /** There may be something new. */
  wake(): void {
    if (this.isIn) this.pump.ask(this);
  }

  serve(): Promise<void> | undefined {
    if (!this.isIn) return undefined;
    if (this.hasMissed) return this.beginAgain();
    if (this.factsTo < this.seat.room.log.version) this.tellFacts(this.feed.facts(this.factsTo));
    // At the head, as far as is known: what is new will wake it.
    const isAtHead = this.told === 'live' && this.readTo >= this.feed.head;
    return this.isPaused || isAtHead ? undefined : this.readOn();
  }

  private get isReady(): boolean {
    return this.pump.hasRoom && !this.pump.isWaiting(this);
  }

  /** A removal was forgotten before it was told of it. */
  private get hasMissed(): boolean {
    return Math.max(this.factsTo, this.begunAt) < this.seat.room.log.firstVersion;
  }

  /** It was away for longer than removals are remembered. */
  private beginAgain(): undefined {
    for (const frame of this.enter()) this.pump.write(frame);
  }

  private tellFacts(page: FactsPage): void {
    this.factsTo = page.to;
    if (!page.isLast) this.pump.ask(this);
    // Of oneself one knows.
    if (page.onlyOf === this.seat.member.memberId) return;
    for (const frame of page.frames) this.pump.write(frame);
  }

  private async readOn(): Promise<void> {
    const from = this.readTo;
    try {
      const page = await this.feed.read(from);
      if (this.isIn && this.readTo === from) this.tellMessages(page);
    } catch (error) {
      if (this.isIn) this.onLost(this, error);
    }
  }

  private tellMessages(page: Page): void {
    const state = this.states.after(page);
    this.readTo = page.scannedTo;
    this.readTimeMs = page.commitTimeMs;
    if (page.count > 0 || state !== this.told) this.pump.write(this.feed.encode(page, state));
    this.told = state;
    if (this.readTo >= this.ownTo) this.onOwnTold?.();
    if (page.scannedTo < page.head) this.pump.ask(this);
  }
}

import type { Room } from '../../domain/chat/room.js';
import { type TokenCodec, createTokenCodec } from '../../domain/tokens.js';
import type { Page, Store } from '../../store/store.js';
import { detach } from '../../streams/detach.js';
import type { ReaderState } from '../../streams/reader-state.js';
import { type FactsPage, readFacts } from './fact-frames.js';
import { type Frame, encodeMessages } from './frames.js';
import type { Membership } from './membership.js';

/** What one room takes of a stream in one turn, in bytes. */
const TURN_BYTES = 16 * 1024;

/**
 * What is new in one room, for all streams that are in it: one wake-up, one page read and one encoding, however many
 * they are. Who is not at the head, or cannot be written to, reads for itself when it can.
 */
export class RoomFeed {
  private readonly memberships = new Set<Membership>();
  private readonly tokens: TokenCodec;
  private endWakes: (() => void) | undefined;
  private isReading = false;
  private isWoken = false;
  private toldTo = 0;
  private telling: NodeJS.Immediate | undefined;
  private lastFacts: { readonly from: number; readonly page: FactsPage } | undefined;
  private readonly shared = new WeakMap<Uint8Array, { readonly state: ReaderState; readonly frame: Frame }>();

  /** @param head the last offset that is known */
  constructor(
    private readonly store: Store,
    readonly room: Room,
    public head: number,
  ) {
    this.tokens = createTokenCodec({ epoch: store.epoch, kind: 'events', subject: room.topic });
  }

  get isUnused(): boolean {
    return this.memberships.size === 0;
  }

  add(membership: Membership): void {
    this.memberships.add(membership);
    if (this.endWakes) return;
    const { room } = this;
    this.endWakes = this.store.onWake(room.topic, () => this.wake());
    this.toldTo = room.log.version;
    room.onChange = () => (this.telling ??= setImmediate(() => this.tellFacts()));
    room.readTo = () => this.knownToAll();
  }

  /** Ends the subscription with the last one. */
  remove(membership: Membership): void {
    this.memberships.delete(membership);
    if (!this.isUnused) return;
    const { room } = this;
    this.endWakes?.();
    this.endWakes = undefined;
    clearImmediate(this.telling);
    this.telling = undefined;
    room.onChange = () => undefined;
    room.readTo = () => room.log.version;
  }

  /** A page of messages after an offset. */
  read(after: number): Promise<Page> {
    return this.store.readPage(this.room.topic, after, { maxBytes: TURN_BYTES });
  }

  /** The position of a reader that has everything up to `offset`, whose message was committed at `commitTimeMs`. */
  resumeToken(offset: number, commitTimeMs?: number): string {
    return this.tokens.encode({ offset, key: '', commitTimeMs });
  }

  /** The frame of a page. Who is given the same records shares their encoding. */
  encode(page: Page, state: Exclude<ReaderState, 'complete'>): Frame {
    const head = { room: this.room.name, tokens: this.tokens };
    if (page.count === 0) return encodeMessages(head, page, state);
    const known = this.shared.get(page.bytes);
    if (known?.state === state) return known.frame;
    const frame = encodeMessages(head, page, state);
    this.shared.set(page.bytes, { state, frame });
    return frame;
  }

  /** What changed of who is there; those who have read equally far share it. */
  facts(after: number): FactsPage {
    const { lastFacts, room } = this;
    const isShared = lastFacts?.from === after && (!lastFacts.page.isLast || lastFacts.page.to === room.log.version);
    if (lastFacts && isShared) return lastFacts.page;
    const page = readFacts(room, after);
    this.lastFacts = { from: after, page };
    return page;
  }

  /** Everybody has read the log of who is there up to here. */
  private knownToAll(): number {
    let least = this.room.log.version;
    for (const { knowsTo } of this.memberships) least = Math.min(least, knowsTo);
    return least;
  }

  private tellFacts(): void {
    this.telling = undefined;
    const from = this.toldTo;
    const page = this.facts(from);
    this.toldTo = page.to;
    for (const membership of this.memberships) membership.takeFacts(from, page);
    if (!page.isLast) this.telling = setImmediate(() => this.tellFacts());
    this.lastFacts = undefined;
  }

  private wake(): void {
    this.isWoken = true;
    if (!this.isReading) detach(this.readOn());
  }

  private async readOn(): Promise<void> {
    this.isReading = true;
    try {
      while (this.isWoken && !this.isUnused) {
        this.isWoken = false;
        await this.share();
      }
    } catch {
      // Each membership that reads for itself meets the same error, and can tell it.
      this.head = (await this.store.topic(this.room.topic).catch(() => undefined))?.headOffset ?? this.head;
      for (const membership of this.memberships) membership.wake();
    } finally {
      this.isReading = false;
    }
    // More was said while it looked where the head is.
    if (this.isWoken && !this.isUnused) detach(this.readOn());
  }

  /** Reads one page and gives it to all. */
  private async share(): Promise<void> {
    const from = this.head;
    const page = await this.read(from);
    if (page.count === 0) return;
    this.head = page.scannedTo;
    if (page.scannedTo < page.head) this.isWoken = true;
    for (const membership of this.memberships) membership.takeMessages(from, page);
  }
}

import { LatestLog } from '../../streams/latest-log.js';
import { MAX_LISTED_MEMBERS } from './chat-limits.js';
import { topicOf } from './room-name.js';

/** One session of one user in a room. */
export interface Member {
  readonly memberId: string;
  readonly user: string;
  readonly joinTimeMs: number;
  isHidden: boolean;
  /** Live state, by key; see live-state.ts. */
  readonly state: Map<string, StateSlot>;
}

/** Room for one value of live state. */
export interface StateSlot {
  readonly room: Room;
  readonly member: Member;
  readonly key: string;
  bytes: number;
}

/** What readers of a room's log are told: who is there, what they show, how far they have read. */
export type RoomFact =
  | { readonly kind: 'member'; readonly member: Member }
  | { readonly kind: 'left'; readonly memberId: string }
  | { readonly kind: 'state'; readonly memberId: string; readonly key: string; readonly value: Uint8Array | undefined }
  | { readonly kind: 'mark'; readonly user: string; readonly offset: number };

/** Removals that may gather before readers are asked how far they are. */
const REMOVED_A_ROUND = 64;

/** Who is in a room now, and what of them is not stored: a log of newest values, which members read by cursor. */
export class Room {
  readonly topic: string;
  readonly log = new LatestLog<RoomFact>();
  readonly members = new Map<string, Member>();
  /** Bytes of live state. */
  stateBytes = 0;
  /** How far users have read; undefined until it was loaded. */
  marks: Map<string, number> | undefined;
  /** Called after every change. */
  onChange: () => void = () => undefined;
  /** Up to which version all who read the log have read it. */
  readTo: () => number = () => this.log.version;
  private listedCount = 0;
  private readonly unlisted = new Set<Member>();

  constructor(readonly name: string) {
    this.topic = topicOf(name);
  }

  /** All who are not hidden. */
  get memberCount(): number {
    return this.listedCount + this.unlisted.size;
  }

  /** Those that others are told of. */
  *listed(): Generator<Member, void, undefined> {
    for (const member of this.members.values()) if (this.isListed(member)) yield member;
  }

  enter(member: Member): void {
    this.members.set(member.memberId, member);
    if (!member.isHidden) this.show(member);
  }

  leave(member: Member): void {
    this.hide(member);
    this.members.delete(member.memberId);
  }

  setHidden(member: Member, isHidden: boolean): void {
    if (member.isHidden === isHidden) return;
    if (isHidden) this.hide(member);
    member.isHidden = isHidden;
    if (!isHidden) this.show(member);
  }

  /** Tells a value of live state. */
  tellState({ memberId }: Member, key: string, value: Uint8Array): void {
    this.log.set(`s${memberId}${key}`, { kind: 'state', memberId, key, value });
    this.onChange();
  }

  /** Tells that a key of live state is gone. */
  tellStateGone({ memberId }: Member, key: string): void {
    this.remove(`s${memberId}${key}`, { kind: 'state', memberId, key, value: undefined });
  }

  /** Tells how far a user has read. */
  tellMark(user: string, offset: number): void {
    this.log.set(`r${user}`, { kind: 'mark', user, offset });
    this.onChange();
  }

  /** Corrects what `tellMark` told: only `offset` is stored, or nothing if it is 0. A mark that was not told stays so. */
  correctMark(user: string, offset: number): void {
    const key = `r${user}`;
    if (this.log.get(key) === undefined) return;
    if (offset > 0) this.tellMark(user, offset);
    else this.remove(key, { kind: 'mark', user, offset: 0 });
  }

  private isListed(member: Member): boolean {
    return !member.isHidden && !this.unlisted.has(member);
  }

  private show(member: Member): void {
    if (this.listedCount >= MAX_LISTED_MEMBERS) {
      this.unlisted.add(member);
      return;
    }
    this.listedCount++;
    this.log.set(`m${member.memberId}`, { kind: 'member', member });
    this.onChange();
  }

  private hide(member: Member): void {
    if (member.isHidden || this.unlisted.delete(member)) return;
    this.listedCount--;
    const { memberId } = member;
    this.remove(`m${memberId}`, { kind: 'left', memberId });
    for (const next of this.unlisted) {
      this.unlisted.delete(next);
      return this.show(next);
    }
  }

  private remove(key: string, fact: RoomFact): void {
    this.log.remove(key, fact);
    if (this.log.removedCount % REMOVED_A_ROUND === 0) this.log.forget(this.readTo());
    this.onChange();
  }
}

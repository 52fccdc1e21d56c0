import type {
  ChatResponse,
  RoomJoined,
  RoomPresence,
  RoomReadMarks,
  RoomState,
} from '../../../gen/leat/v1/chat_service.js';
import type { Room, RoomFact } from '../../domain/chat/room.js';
import type { LatestEntry } from '../../streams/latest-log.js';
import { type Frame, encodeFrame, toMemberMessage } from './frames.js';

/** Facts of a room that are told in one turn, in bytes, about. */
const PAGE_BYTES = 16 * 1024;
/** The beginning of a room is told in one frame if it fits into this. */
const SNAPSHOT_BYTES = 64 * 1024;
/** Beside names and values. */
const FACT_BYTES = 32;

/** What changed in a room, in the order in which it did. */
export interface FactsPage {
  readonly frames: readonly Frame[];
  /** Read on after this version. */
  readonly to: number;
  /** There was nothing behind it when it was made. */
  readonly isLast: boolean;
  /** The only member it tells of; undefined: it tells of several, or of users. */
  readonly onlyOf: string | undefined;
}

/** What RoomJoined says of its receiver. */
export interface OwnPlace {
  readonly memberId: string;
  /** The room's last offset. */
  readonly head: number;
  /** The receiver's position in the messages. */
  readonly resumeToken: string;
}

/** What changed after a version, as much as fits into a page. */
export function readFacts(room: Room, after: number): FactsPage {
  const collected = collect(room, after, PAGE_BYTES, startRun);
  return { ...collected, frames: collected.runs.map((run) => encodeFrame(run)) };
}

/** The beginning of a room: RoomJoined, with as much as fits. What is left is told as change. */
export function readSnapshot(room: Room, own: OwnPlace): FactsPage {
  const joined: RoomJoined = {
    room: room.name,
    memberId: own.memberId,
    members: [],
    memberCount: room.memberCount,
    state: [],
    headOffset: BigInt(own.head),
    readOffset: BigInt(room.marks?.get(room.members.get(own.memberId)?.user ?? '') ?? 0),
    resumeToken: own.resumeToken,
  };
  const marks: RoomReadMarks = { room: room.name, marks: [] };
  const runs = { joined: { $case: 'joined', value: joined }, marks: { $case: 'readMarks', value: marks } } as const;
  const isMark = (fact: RoomFact) => fact.kind === 'mark' && fact.offset > 0;
  const collected = collect(room, 0, SNAPSHOT_BYTES, (_, fact) => (isMark(fact) ? runs.marks : runs.joined));
  const frames = [encodeFrame(runs.joined)];
  if (marks.marks.length > 0) frames.push(encodeFrame(runs.marks));
  return { ...collected, frames };
}

type Run =
  | { readonly $case: 'joined'; readonly value: RoomJoined }
  | { readonly $case: 'presence'; readonly value: RoomPresence }
  | { readonly $case: 'state'; readonly value: RoomState }
  | { readonly $case: 'readMarks'; readonly value: RoomReadMarks };

type RunCase = Exclude<ChatResponse['frame'], undefined>['$case'];

/** Facts of one kind that stand next to one another share a frame. */
function collect(
  room: Room,
  after: number,
  maxBytes: number,
  runFor: (room: Room, fact: RoomFact, last: Run | undefined) => Run,
) {
  const runs: Run[] = [];
  let [bytes, to] = [0, after];
  let onlyOf: string | undefined | null = null;
  let entry: LatestEntry<RoomFact> | undefined = room.log.after(after);
  for (; entry && bytes < maxBytes; entry = entry.newer) {
    const { value: fact } = entry;
    const run = runFor(room, fact, runs.at(-1));
    if (!runs.includes(run)) runs.push(run);
    bytes += add(run, fact);
    to = entry.version;
    const of = subjectOf(fact);
    onlyOf = onlyOf === null || onlyOf === of ? of : undefined;
  }
  // What was removed and forgotten stands nowhere, and is read all the same.
  if (!entry) to = room.log.version;
  return { runs, to, isLast: entry === undefined, onlyOf: onlyOf ?? undefined };
}

function startRun({ name: room }: Room, { kind }: RoomFact, last: Run | undefined): Run {
  const wanted: RunCase = kind === 'state' ? 'state' : kind === 'mark' ? 'readMarks' : 'presence';
  if (last?.$case === wanted) return last;
  switch (wanted) {
    case 'state':
      return { $case: 'state', value: { room, entries: [] } };
    case 'readMarks':
      return { $case: 'readMarks', value: { room, marks: [] } };
    default:
      return { $case: 'presence', value: { room, joined: [], left: [] } };
  }
}

/** Adds a fact to its run and returns about how many bytes it takes. A snapshot leaves out what is gone. */
function add(run: Run, fact: RoomFact): number {
  switch (fact.kind) {
    case 'member':
      if (run.$case === 'presence') run.value.joined.push(toMemberMessage(fact.member));
      if (run.$case === 'joined') run.value.members.push(toMemberMessage(fact.member));
      return FACT_BYTES + fact.member.user.length;
    case 'left':
      if (run.$case === 'presence') run.value.left.push(fact.memberId);
      return FACT_BYTES;
    case 'state': {
      const { memberId, key, value } = fact;
      if (run.$case === 'state') run.value.entries.push({ memberId, key, value });
      if (run.$case === 'joined' && value) run.value.state.push({ memberId, key, value });
      return FACT_BYTES + key.length + (value?.length ?? 0);
    }
    case 'mark':
      if (run.$case === 'readMarks') run.value.marks.push({ user: fact.user, offset: BigInt(fact.offset) });
      return FACT_BYTES + fact.user.length;
  }
}

function subjectOf(fact: RoomFact): string | undefined {
  switch (fact.kind) {
    case 'member':
      return fact.member.memberId;
    case 'mark':
      return undefined;
    default:
      return fact.memberId;
  }
}

import type { Store, TopicInfo } from '../../store/store.js';
import { roomNotFound } from './chat-errors.js';
import type { RoomsPage } from './chat-requests.js';
import { markOf } from './read-marks.js';
import type { Room } from './room.js';
import { ROOMS_PREFIX, topicOf } from './room-name.js';
import type { Rooms } from './rooms.js';

const MAX_LISTED_MARKS = 1_000;

/** How far users have read, in the order of their names. */
export type Marks = readonly (readonly [user: string, offset: number])[];

export interface DescribedRoom {
  /** undefined: it never had a message. */
  readonly info: TopicInfo | undefined;
  /** undefined: nobody is in it. */
  readonly room: Room | undefined;
  readonly marks: Marks;
}

/** Errors: `not-found` ROOM_NOT_FOUND. */
export async function describeRoom(store: Store, rooms: Rooms, name: string): Promise<DescribedRoom> {
  const topic = topicOf(name);
  const info = await store.topic(topic);
  const cursors = await store.listCursors(topic);
  const room = rooms.find(name);
  if (!info && !room) throw roomNotFound(name);
  const marks = new Map(cursors.map(markOf).flatMap((mark) => (mark ? [[mark.user, mark.offset] as const] : [])));
  // What is not written yet counts.
  for (const [user, offset] of room?.marks ?? []) marks.set(user, offset);
  return { info, room, marks: [...marks].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, MAX_LISTED_MARKS) };
}

/** A page of rooms that have or had messages, and the token of the next one; empty if there is none. */
export async function listRooms(store: Store, { prefix, after, limit, tokens }: RoomsPage) {
  const query = { prefix: ROOMS_PREFIX + prefix, after: after === '' ? '' : topicOf(after), limit: limit + 1 };
  const found = await store.listTopics(query);
  const infos = found.slice(0, limit);
  const last = found.length > limit ? infos.at(-1) : undefined;
  const nextPageToken = last ? tokens.encode({ offset: 0, key: last.topic.slice(ROOMS_PREFIX.length) }) : '';
  return { infos, nextPageToken };
}

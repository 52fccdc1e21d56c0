import { detach } from '../../streams/detach.js';
import { createDeadlines } from '../../streams/deadlines.js';
import type { CursorInfo, Store } from '../../store/store.js';
import type { Room } from './room.js';

/** A mark is a named cursor of the room's topic: this, and the user's name. */
const PREFIX = 'read:';
/** A mark is written at most once in this time. */
const REST_MS = 1_000;

/** Hears that a mark could not be stored: the newest one that the user has set. */
export type MarkFailed = (error: unknown, offset: number) => void;

/** How far one user has read in one room, while that is being written. */
interface Mark {
  readonly key: string;
  room: Room;
  readonly user: string;
  offset: number;
  /** What the store is known to have. */
  writtenOffset: number;
  /** The write that is under way: one at a time, or an older one that fails would take a newer one back. */
  writing: Promise<void> | undefined;
  report: MarkFailed;
}

export type ReadMarks = ReturnType<typeof createReadMarks>;

/** How far a named cursor says that a user has read; undefined for other cursors. */
export function markOf({ cursor, offset }: CursorInfo): { user: string; offset: number } | undefined {
  return cursor.startsWith(PREFIX) ? { user: cursor.slice(PREFIX.length), offset } : undefined;
}

/** Read marks, on their way to the store: forward only, told to others at once and written at most once a second. */
export function createReadMarks(store: Store) {
  const resting = new Map<string, Mark>();
  const rests = createDeadlines<Mark>((mark) => {
    if (isPending(mark)) detach(write(mark));
    else if (mark.writing) rests.set(mark, REST_MS);
    else resting.delete(mark.key);
  });

  const isPending = ({ offset, writtenOffset, writing }: Mark) => !writing && offset > writtenOffset;

  async function write(mark: Mark): Promise<void> {
    rests.set(mark, REST_MS);
    mark.writing = writeNow(mark);
    await mark.writing;
  }

  async function writeNow(mark: Mark): Promise<void> {
    const { room, user, offset } = mark;
    const cursor = PREFIX + user;
    try {
      await store.write([{ kind: 'commit-cursor', topic: room.topic, cursor, offset, rewind: false }]);
      mark.writtenOffset = offset;
    } catch (error) {
      const newest = mark.offset;
      takeBack(mark);
      mark.report(error, newest);
    } finally {
      mark.writing = undefined;
    }
  }

  /** Neither this nor what came after it is stored: nobody may see it, and it may be told again. */
  function takeBack(mark: Mark): void {
    const { room, user, writtenOffset } = mark;
    mark.offset = writtenOffset;
    if (writtenOffset > 0) room.marks?.set(user, writtenOffset);
    else room.marks?.delete(user);
    room.correctMark(user, writtenOffset);
  }

  const keyOf = (room: Room, user: string) => `${room.name}\0${user}`;

  return {
    /** What was written before, for a room that is opened. */
    load(room: Room, cursors: readonly CursorInfo[]): void {
      room.marks = new Map();
      for (const mark of cursors.map(markOf)) {
        if (!mark) continue;
        room.marks.set(mark.user, mark.offset);
        room.tellMark(mark.user, mark.offset);
      }
    },

    /**
     * The user has read up to `offset`. `report` is called if it cannot be stored.
     * @param isTold whether others may know
     */
    move(room: Room, user: string, offset: number, isTold: boolean, report: MarkFailed): void {
      const before = room.marks?.get(user) ?? 0;
      if (offset <= before) return;
      room.marks?.set(user, offset);
      if (isTold) room.tellMark(user, offset);
      const key = keyOf(room, user);
      const mark = resting.get(key);
      if (mark) return void Object.assign(mark, { room, offset, report });
      const begun = { key, room, user, offset, writtenOffset: before, writing: undefined, report };
      resting.set(key, begun);
      detach(write(begun));
    },

    /** Writes now what waits: the user is leaving. Resolves when it is durable. */
    async flush(room: Room, user: string): Promise<void> {
      const mark = resting.get(keyOf(room, user));
      if (!mark) return;
      await mark.writing;
      if (isPending(mark)) await write(mark);
    },
  };
}

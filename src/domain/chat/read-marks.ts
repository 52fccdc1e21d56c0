import { detach } from '../../streams/detach.js';
import { createDeadlines } from '../../streams/deadlines.js';
import type { CursorInfo, Store } from '../../store/store.js';
import type { Room } from './room.js';

/** A mark is a named cursor of the room's topic: this, and the user's name. */
const PREFIX = 'read:';
/** A mark is written at most once in this time. */
const REST_MS = 1_000;

/** How far one user has read in one room, while that is being written. */
interface Mark {
  readonly key: string;
  readonly room: Room;
  readonly user: string;
  offset: number;
  writtenOffset: number;
  report: (error: unknown) => void;
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
    if (mark.offset > mark.writtenOffset) detach(write(mark));
    else resting.delete(mark.key);
  });

  async function write(mark: Mark): Promise<void> {
    const { room, user, offset, writtenOffset } = mark;
    mark.writtenOffset = offset;
    rests.set(mark, REST_MS);
    const cursor = PREFIX + user;
    try {
      await store.write([{ kind: 'commit-cursor', topic: room.topic, cursor, offset, rewind: false }]);
    } catch (error) {
      takeBack(mark, offset, writtenOffset);
      mark.report(error);
    }
  }

  /** It could not be stored, and may be told again. */
  function takeBack(mark: Mark, offset: number, writtenOffset: number): void {
    mark.writtenOffset = writtenOffset;
    if (mark.offset !== offset) return;
    mark.offset = writtenOffset;
    if (writtenOffset > 0) mark.room.marks?.set(mark.user, writtenOffset);
    else mark.room.marks?.delete(mark.user);
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
    move(room: Room, user: string, offset: number, isTold: boolean, report: (error: unknown) => void): void {
      const before = room.marks?.get(user) ?? 0;
      if (offset <= before) return;
      room.marks?.set(user, offset);
      if (isTold) room.tellMark(user, offset);
      const key = keyOf(room, user);
      const mark = resting.get(key);
      if (mark) return void Object.assign(mark, { offset, report });
      const begun = { key, room, user, offset, writtenOffset: before, report };
      resting.set(key, begun);
      detach(write(begun));
    },

    /** Writes now what waits: the user is leaving. Resolves when it is durable. */
    async flush(room: Room, user: string): Promise<void> {
      const mark = resting.get(keyOf(room, user));
      if (mark && mark.offset > mark.writtenOffset) await write(mark);
    },
  };
}

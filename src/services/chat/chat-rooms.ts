import type { EventLimits } from '../../domain/events/event-limits.js';
import { createLiveState } from '../../domain/chat/live-state.js';
import { createReadMarks } from '../../domain/chat/read-marks.js';
import type { Room } from '../../domain/chat/room.js';
import { createRooms } from '../../domain/chat/rooms.js';
import type { SeatLimits } from '../../domain/chat/seat-limit.js';
import { createSessions } from '../../domain/chat/sessions.js';
import type { Store } from '../../store/store.js';
import { createDeadlines } from '../../streams/deadlines.js';
import { createTurns } from '../../streams/turns.js';
import type { Conversation } from './conversation.js';
import type { Membership } from './membership.js';
import { RoomFeed } from './room-feed.js';

export interface ChatDeps {
  readonly store: Store;
  readonly limits: EventLimits;
  /** How long a member whose stream was cut stays, in milliseconds. */
  readonly graceMs: number;
  /** A stream whose hello did not come ends after this time, in milliseconds. */
  readonly helloMs: number;
  readonly seatLimits: SeatLimits;
  /** A stream that has nothing to say says so after this time, in milliseconds. */
  readonly heartbeatMs: number;
}

export type ChatRooms = ReturnType<typeof createChatRooms>;

/** All that the streams of one process share. */
export function createChatRooms(deps: ChatDeps) {
  const { store, graceMs, seatLimits } = deps;
  const rooms = createRooms();
  const liveState = createLiveState();
  const feeds = new Map<Room, RoomFeed>();

  return {
    ...deps,
    rooms,
    liveState,
    marks: createReadMarks(store),
    sessions: createSessions({ epoch: store.epoch, graceMs, rooms, liveState, limits: seatLimits }),
    takeTurn: createTurns(),
    /** When a hello should have come. */
    hellos: createDeadlines<Conversation>((conversation) => conversation.helloIsLate()),
    /** When to look whether a stream was quiet for too long. */
    heartbeats: createDeadlines<Conversation>((conversation) => conversation.heartbeat()),

    /** The room's feed; `head` is the room's last offset, as far as it is known. */
    feedOf(room: Room, head: number): RoomFeed {
      const feed = feeds.get(room) ?? new RoomFeed(store, room, head);
      feeds.set(room, feed);
      return feed;
    },

    /** Ends a membership; the room's feed goes with the last one. */
    leaveFeed(feed: RoomFeed, membership: Membership): void {
      membership.close();
      feed.remove(membership);
      if (feed.isUnused) feeds.delete(feed.room);
    },
  };
}

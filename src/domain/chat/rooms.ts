import { type Member, Room } from './room.js';

export type Rooms = ReturnType<typeof createRooms>;

/** The rooms that somebody is in. A room is made by who enters it first, and gone with the last who leaves. */
export function createRooms() {
  const rooms = new Map<string, Room>();

  return {
    get size() {
      return rooms.size;
    },
    find: (name: string): Room | undefined => rooms.get(name),
    /** Who opens a room enters it in the same turn of the event loop. */
    open(name: string): Room {
      const room = rooms.get(name) ?? new Room(name);
      rooms.set(name, room);
      return room;
    },
    leave(room: Room, member: Member): void {
      room.leave(member);
      if (room.members.size === 0) rooms.delete(room.name);
    },
  };
}

import { createDeadlines } from '../../streams/deadlines.js';
import { memberHidden, stateFull, tooManyKeys, valueTooLarge } from './chat-errors.js';
import { MAX_ROOM_STATE_BYTES, MAX_STATE_BYTES, MAX_STATE_KEYS, MAX_STATE_VALUE_BYTES } from './chat-limits.js';
import type { Member, Room, StateSlot } from './room.js';

export type LiveState = ReturnType<typeof createLiveState>;

/** The live state of all rooms of one process: newest values, bounded, gone when their time is over. */
export function createLiveState() {
  const expiries = createDeadlines<StateSlot>(remove);
  let totalBytes = 0;

  function resize(slot: StateSlot, bytes: number): void {
    const grown = bytes - slot.bytes;
    if (grown > 0 && slot.room.stateBytes + grown > MAX_ROOM_STATE_BYTES) throw stateFull(MAX_ROOM_STATE_BYTES);
    if (grown > 0 && totalBytes + grown > MAX_STATE_BYTES) throw stateFull(MAX_STATE_BYTES);
    slot.bytes = bytes;
    slot.room.stateBytes += grown;
    totalBytes += grown;
  }

  function remove(slot: StateSlot): void {
    const { room, member, key } = slot;
    if (!member.state.delete(key)) return;
    expiries.clear(slot);
    resize(slot, 0);
    room.tellStateGone(member, key);
  }

  function slotOf(room: Room, member: Member, key: string): StateSlot {
    const known = member.state.get(key);
    if (known) return known;
    if (member.state.size >= MAX_STATE_KEYS) throw tooManyKeys(MAX_STATE_KEYS);
    return { room, member, key, bytes: 0 };
  }

  return {
    /**
     * Sets the newest value of a key, for `ttlMs` milliseconds or, without, until the member is gone.
     * Errors: `invalid` VALUE_TOO_LARGE, `precondition` TOO_MANY_KEYS and MEMBER_HIDDEN, `exhausted` STATE_FULL.
     */
    set(room: Room, member: Member, key: string, value: Uint8Array, ttlMs: number | undefined): void {
      if (member.isHidden) throw memberHidden(room.name);
      if (value.length > MAX_STATE_VALUE_BYTES) throw valueTooLarge(value.length, MAX_STATE_VALUE_BYTES);
      const slot = slotOf(room, member, key);
      resize(slot, key.length + value.length);
      member.state.set(key, slot);
      if (ttlMs === undefined) expiries.clear(slot);
      else expiries.set(slot, ttlMs);
      // A copy: the value is a view of all that came with it.
      room.tellState(member, key, new Uint8Array(value));
    },

    /** Removes a key; nothing happens if it is not there. */
    remove(member: Member, key: string): void {
      const slot = member.state.get(key);
      if (slot) remove(slot);
    },

    /** Removes all that a member shows. */
    clear(member: Member): void {
      for (const slot of [...member.state.values()]) remove(slot);
    },

    /** Bytes of all values and keys. */
    get totalBytes() {
      return totalBytes;
    },
  };
}

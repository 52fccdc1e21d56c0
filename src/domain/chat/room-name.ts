import { checkTopicName } from '../topics/topic-name.js';
import { checkLength } from '../validation/text.js';
import type { Violations } from '../validation/violations.js';
import { MAX_ROOM_LENGTH } from './chat-limits.js';

/** Topics of rooms begin so. */
export const ROOMS_PREFIX = 'rooms/';

/** The topic that has a room's messages. */
export function topicOf(room: string): string {
  return ROOMS_PREFIX + room;
}

/** The room whose messages a topic has. */
export function roomOf(topic: string): string {
  return topic.slice(ROOMS_PREFIX.length);
}

/** A room's name: a topic's name of at most 194 characters, for "rooms/" stands before it. */
export function checkRoomName(violations: Violations, field: string, room: string): void {
  if (room.length > MAX_ROOM_LENGTH) checkLength(violations, field, room, 1, MAX_ROOM_LENGTH);
  else checkTopicName(violations, field, room);
}

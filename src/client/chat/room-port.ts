import type { ChatResponse } from '../../../gen/leat/v1/chat_service.js';
import type { JoinedRoom } from './chat-options.js';
import type { Member } from './member.js';

/** A frame to a member. */
export type Incoming = NonNullable<ChatResponse['frame']>;

/** A room, as the stream that carries it sees it. */
export interface RoomPort extends Pick<Member, 'nextFrame' | 'handle' | 'lost' | 'end'> {
  readonly room: JoinedRoom;
}

import { ChatRequest, type DeepPartial } from '../../gen/leat/v1/chat_service.js';
import { frame } from './events.js';

/** A frame of a member, as it goes on the wire. */
export function chatFrame(request: DeepPartial<ChatRequest['frame']>): Buffer {
  return frame(ChatRequest.encode(ChatRequest.fromPartial({ frame: request })).finish());
}

/** What a member says first: its session, and its room. */
export function openingFrames(sessionId: string, room: string): Buffer {
  return Buffer.concat([
    chatFrame({ $case: 'hello', value: { sessionId } }),
    chatFrame({ $case: 'join', value: { room } }),
  ]);
}

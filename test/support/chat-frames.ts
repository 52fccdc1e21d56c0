import { ChatRequest, type DeepPartial } from '../../gen/leat/v1/chat_service.js';
import { frame } from './raw-http2.js';

export type ChatFrame = DeepPartial<ChatRequest['frame']>;

/** A frame of a member, as it goes on the wire. */
export function chatFrame(request: ChatFrame): Buffer {
  return frame(ChatRequest.encode(ChatRequest.fromPartial({ frame: request })).finish());
}

export const helloFrame = (sessionId: string = crypto.randomUUID()) =>
  chatFrame({ $case: 'hello', value: { sessionId } });

/** Joins a room; without an offset for what is new only. */
export function joinFrame(room: string, afterOffset?: bigint): Buffer {
  const start =
    afterOffset === undefined ? undefined : { position: { $case: 'afterOffset' as const, value: afterOffset } };
  return chatFrame({ $case: 'join', value: { room, start } });
}

/** Sends a message of so many bytes. */
export function sendFrame(room: string, id: string, bytes = 1): Buffer {
  const payload = { $case: 'data' as const, value: Buffer.alloc(bytes) };
  return chatFrame({ $case: 'send', value: { room, message: { id, payload } } });
}

/** A good frame of every kind but hello, about one room. */
export function framesOfEveryKind(room: string): Buffer[] {
  return [
    joinFrame(room, 0n),
    sendFrame(room, crypto.randomUUID()),
    chatFrame({ $case: 'setState', value: { room, key: 'k', value: Buffer.from('v'), ttl: { seconds: 1n } } }),
    chatFrame({ $case: 'markRead', value: { room, offset: 1n } }),
    chatFrame({ $case: 'pause', value: { room, paused: true } }),
    chatFrame({ $case: 'ping', value: { nonce: 1n } }),
    chatFrame({ $case: 'authenticate', value: { token: 't' } }),
    chatFrame({ $case: 'leave', value: { room } }),
  ];
}

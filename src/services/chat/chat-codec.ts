import { ChatRequest, SendMessageRequest, SendToRoom } from '../../../gen/leat/v1/chat_service.js';
import type { EncodedMessage } from '../../domain/chat/message.js';
import { joinPieces, strictReader, takeOut } from '../take-out.js';

/** SendToRoom with the message as it came. */
export interface EncodedSend {
  readonly room: string;
  readonly message: EncodedMessage;
}

type OtherFrame = Exclude<NonNullable<ChatRequest['frame']>, { $case: 'send' }>;

/** ChatRequest with the message of a send as it came; undefined: an empty frame, or one of a kind that is not known. */
export type EncodedChatRequest = OtherFrame | { readonly $case: 'send'; readonly value: EncodedSend } | undefined;

const SEND_IN_CHAT = 3;
const MESSAGE_IN_SEND = 2;

/** Decodes all but the message of a send. Throws for bytes that are no such message. */
export function decodeChatRequest(bytes: Uint8Array): EncodedChatRequest {
  const taken = takeOut(bytes, SEND_IN_CHAT);
  const send = joinPieces(taken);
  if (send && taken.rest.length === 0) return { $case: 'send', value: decodeSend(send, SendToRoom) };
  const { frame } = ChatRequest.decode(strictReader(bytes));
  if (frame?.$case !== 'send' || send === undefined) return frame as OtherFrame | undefined;
  return { $case: 'send', value: decodeSend(send, SendToRoom) };
}

/** As `decodeChatRequest`, for SendMessageRequest, which has the same fields. */
export function decodeSendMessage(bytes: Uint8Array): EncodedSend {
  return decodeSend(bytes, SendMessageRequest);
}

function decodeSend(bytes: Uint8Array, type: typeof SendToRoom | typeof SendMessageRequest): EncodedSend {
  const taken = takeOut(bytes, MESSAGE_IN_SEND);
  return { room: type.decode(strictReader(taken.rest)).room, message: joinPieces(taken) };
}

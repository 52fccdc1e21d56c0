import type { CallContext } from 'nice-grpc-common';
import type {
  ChatServiceImplementation,
  ListMessagesRequest,
  SendMessageResponse,
} from '../../gen/leat/v1/chat_service.js';
import { ListMessagesResponse } from '../../gen/leat/v1/chat_service.js';
import { readGetRoom, readListMessages, readListRooms, readRoomName } from '../domain/chat/chat-requests.js';
import { type HistoryPage, listMessages } from '../domain/chat/history.js';
import { appendMessage, messageIdOf, placeOf } from '../domain/chat/message.js';
import { describeRoom, listRooms } from '../domain/chat/room-directory.js';
import { roomOf } from '../domain/chat/room-name.js';
import type { DirectCall, LeatCallContext } from '../middleware/call-context.js';
import { type EncodedSend, decodeChatRequest, decodeSendMessage } from './chat/chat-codec.js';
import { type ChatDeps, createChatRooms } from './chat/chat-rooms.js';
import { Conversation } from './chat/conversation.js';
import { toMemberMessage } from './chat/frames.js';
import { toRoomMessage } from './chat/room-messages.js';

type Context = CallContext & LeatCallContext;
type RoomHandlers = Pick<ChatServiceImplementation<LeatCallContext>, 'getRoom' | 'listRooms'>;

/** The methods whose bytes pass through as they are; see withStrictCodec. */
export const chatCodecs = {
  chat: { requestDeserialize: decodeChatRequest },
  sendMessage: { requestDeserialize: decodeSendMessage },
  listMessages: { responseSerialize: encodeHistory },
};

/** The handlers of ChatService: of its unary methods, and what opens a call of Chat. */
export function createChatService(deps: ChatDeps) {
  const { store, limits } = deps;
  const chat = createChatRooms(deps);

  const roomHandlers: RoomHandlers = {
    async getRoom(request) {
      const name = readGetRoom(request);
      const { info, room, marks } = await describeRoom(store, chat.rooms, name);
      return {
        room: toRoomMessage(name, info, room),
        members: [...(room?.listed() ?? [])].map(toMemberMessage),
        readMarks: marks.map(([user, offset]) => ({ user, offset: BigInt(offset) })),
      };
    },

    async listRooms(request) {
      const { infos, nextPageToken } = await listRooms(store, readListRooms(store.epoch, request));
      const named = infos.map((info) => ({ info, name: roomOf(info.topic) }));
      return { rooms: named.map(({ info, name }) => toRoomMessage(name, info, chat.rooms.find(name))), nextPageToken };
    },
  };

  const handlers = {
    ...roomHandlers,

    async sendMessage(request: EncodedSend, { caller, peer }: Context): Promise<SendMessageResponse> {
      const room = readRoomName('', request);
      const [result] = await store.write([appendMessage(room, request.message, caller, limits)], { flow: peer });
      return { delivery: { messageId: messageIdOf(request.message), ...placeOf(result) } };
    },

    listMessages: (request: ListMessagesRequest) => listMessages(store, readListMessages(store.epoch, request)),
  };

  return { handlers, direct: { chat: (call: DirectCall) => new Conversation(chat, call) } };
}

/** The stored records as they are, and what goes with them. */
function encodeHistory({ head, nextPageToken, records, resumeToken }: HistoryPage): Uint8Array {
  const headOffset = BigInt(head);
  const rest = ListMessagesResponse.encode({ records: [], nextPageToken, headOffset, resumeToken }).finish();
  return Buffer.concat([records, rest]);
}

import { abortable } from 'abort-controller-x';
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
import type { LeatCallContext } from '../middleware/call-context.js';
import { type EncodedChatRequest, type EncodedSend, decodeChatRequest, decodeSendMessage } from './chat/chat-codec.js';
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

/** The handlers of ChatService. */
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

  return {
    ...roomHandlers,

    /** Its frames do not go through the generator, which would have to wake for each: see Outbox.write. */
    // eslint-disable-next-line require-yield
    async *chat(requests: AsyncIterable<EncodedChatRequest>, { caller, outbox, signal }: Context) {
      let fail: (error: unknown) => void = () => undefined;
      const failure = new Promise<never>((_, reject) => (fail = reject));
      const conversation = new Conversation({ chat, caller, wire: outbox, signal, onFailure: fail });
      try {
        await abortable(signal, Promise.race([failure, carryOut(requests, conversation)]));
      } finally {
        conversation.close();
      }
    },

    async sendMessage(request: EncodedSend, { caller }: Context): Promise<SendMessageResponse> {
      const room = readRoomName('', request);
      const [result] = await store.write([appendMessage(room, request.message, caller, limits)]);
      return { delivery: { messageId: messageIdOf(request.message), ...placeOf(result) } };
    },

    listMessages: (request: ListMessagesRequest) => listMessages(store, readListMessages(store.epoch, request)),
  };
}

async function carryOut(requests: AsyncIterable<EncodedChatRequest>, conversation: Conversation): Promise<void> {
  for await (const request of requests) {
    const working = conversation.receive(request);
    if (working) await working;
  }
  await conversation.finish();
}

/** The stored records as they are, and what goes with them. */
function encodeHistory({ head, nextPageToken, records }: HistoryPage): Uint8Array {
  const rest = ListMessagesResponse.encode({ records: [], nextPageToken, headOffset: BigInt(head) }).finish();
  return Buffer.concat([records, rest]);
}

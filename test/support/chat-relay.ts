import { createChannel, createClientFactory, createServer } from 'nice-grpc';
import { ClientError, ServerError, Status } from 'nice-grpc-common';
import {
  ChatServiceDefinition,
  type ChatResponse,
  type ChatServiceImplementation,
} from '../../gen/leat/v1/chat_service.js';

/** A server that passes Chat on to another one, and can cut its first stream at an exact frame. */
export interface ChatRelay {
  readonly address: string;
  /** Resolves when the first stream has passed on `joined`, and nothing behind it. */
  readonly held: Promise<void>;
  /** Ends the first stream with UNAVAILABLE; from now on streams go to this port, uncut. */
  cut(nextPort?: number): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startChatRelay(port: number): Promise<ChatRelay> {
  const channels: ReturnType<typeof createChannel>[] = [];
  const connect = (to: number) => {
    const channel = createChannel(`127.0.0.1:${to}`);
    channels.push(channel);
    return createClientFactory().create(ChatServiceDefinition, channel);
  };
  let target = connect(port);
  let isFirst = true;
  let onHeld = () => undefined as void;
  let onCut = () => undefined as void;
  const held = new Promise<void>((resolve) => (onHeld = resolve));
  const cut = new Promise<void>((resolve) => (onCut = resolve));

  async function* untilJoined(responses: AsyncIterable<ChatResponse>): AsyncGenerator<ChatResponse> {
    for await (const response of responses) {
      yield response;
      if (response.frame?.$case !== 'joined') continue;
      onHeld();
      await cut;
      throw new ServerError(Status.UNAVAILABLE, 'cut');
    }
  }

  const chat: ChatServiceImplementation['chat'] = async function* (requests, { signal }) {
    const responses = target.chat(requests, { signal });
    const isCut = isFirst;
    isFirst = false;
    try {
      yield* isCut ? untilJoined(responses) : responses;
    } catch (error) {
      throw error instanceof ServerError ? error : passedOn(error);
    }
  };
  const server = createServer();
  const none = () => Promise.reject(new Error('not passed on'));
  server.add(ChatServiceDefinition, { chat, sendMessage: none, listMessages: none, getRoom: none, listRooms: none });
  const own = await server.listen('127.0.0.1:0');
  return {
    address: `127.0.0.1:${own}`,
    held,
    cut(nextPort) {
      if (nextPort !== undefined) target = connect(nextPort);
      onCut();
    },
    async [Symbol.asyncDispose]() {
      onCut();
      server.forceShutdown();
      for (const channel of channels) channel.close();
    },
  };
}

/** With the code and the text of what the other server said. */
function passedOn(error: unknown): ServerError {
  return error instanceof ClientError
    ? new ServerError(error.code, error.details)
    : new ServerError(Status.UNAVAILABLE, String(error));
}

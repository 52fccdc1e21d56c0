import { createServer } from 'nice-grpc';
import { Status } from 'nice-grpc-common';
import { errorDetailsServerMiddleware, ErrorInfo, RichServerError } from 'nice-grpc-error-details';
import {
  ChatServiceDefinition,
  RoomJoined,
  RoomMessages,
  type ChatRequest,
  type ChatResponse,
  type ChatServiceImplementation,
  type DeepPartial,
} from '../../gen/leat/v1/chat_service.js';
import { TailState } from '../../gen/leat/v1/event.js';
import { soon } from '../support/soon.js';

type Frame = NonNullable<ChatRequest['frame']>;
type FrameOf<C extends Frame['$case']> = Extract<Frame, { $case: C }>['value'];
type Answer = NonNullable<DeepPartial<ChatResponse>['frame']>;

/** One Chat stream, as the far side sees it. */
export interface ScriptedStream {
  readonly sessionId: string;
  /** Everything that came, but for `hello` and the pings that were answered. */
  readonly frames: readonly Frame[];
  /** The next frame of the kind that nobody has asked for; those before it are passed over. */
  next<C extends Frame['$case']>(kind: C): Promise<FrameOf<C>>;
  send(frame: Answer): void;
  /** Lets the member in. */
  joined(room: string, frame?: DeepPartial<RoomJoined>): void;
  /** Messages with these offsets; their text is the offset. */
  messages(room: string, offsets: readonly number[], frame?: DeepPartial<RoomMessages>): void;
  /** Ends the stream: with OK, or so. */
  end(code?: Status, reason?: string): void;
  /** Resolves when the client has half-closed. */
  readonly halfClosed: Promise<void>;
  readonly isOpen: boolean;
}

/** A chat service that does what a test says; it only answers pings by itself. */
export interface ScriptedChat {
  readonly address: string;
  readonly open: number;
  nextStream(): Promise<ScriptedStream>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startScriptedChat({ answersPings = true } = {}): Promise<ScriptedChat> {
  const waiting = createInbox<ScriptedStream>();
  const open = new Set<ScriptedStream>();
  const chat: ChatServiceImplementation['chat'] = async function* (requests, { signal }) {
    const { stream, answers } = createStream(requests, answersPings, (named) => waiting.put(named));
    open.add(stream);
    const leave = () => answers.end();
    signal.addEventListener('abort', leave);
    try {
      yield* answers.all();
    } finally {
      signal.removeEventListener('abort', leave);
      open.delete(stream);
    }
  };
  const server = createServer().use(errorDetailsServerMiddleware);
  const none = () => Promise.reject(new Error('not scripted'));
  server.add(ChatServiceDefinition, { chat, sendMessage: none, listMessages: none, getRoom: none, listRooms: none });
  const port = await server.listen('127.0.0.1:0');
  return {
    address: `127.0.0.1:${port}`,
    get open() {
      return open.size;
    },
    nextStream: () => soon('a stream', waiting.take()),
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

function createStream(
  requests: AsyncIterable<ChatRequest>,
  answersPings: boolean,
  onHello: (stream: ScriptedStream) => void,
) {
  const answers = createAnswers();
  const frames: Frame[] = [];
  const inbox = createInbox<Frame>();
  let sessionId = '';
  const send = (frame: Answer) => answers.put({ frame });
  async function listen(): Promise<void> {
    for await (const { frame } of requests) {
      if (frame?.$case === 'hello') {
        sessionId = frame.value.sessionId;
        onHello(stream);
      }
      if (frame?.$case === 'ping' && answersPings) send({ $case: 'pong', value: frame.value });
      else if (frame !== undefined && frame.$case !== 'hello') {
        frames.push(frame);
        inbox.put(frame);
      }
    }
    answers.end();
  }
  const halfClosed = listen();
  halfClosed.catch(() => undefined); // The client has gone.
  const stream: ScriptedStream = {
    get sessionId() {
      return sessionId;
    },
    frames,
    async next(kind) {
      for (;;) {
        const frame = await soon(`a frame: ${kind}`, inbox.take());
        if (frame.$case === kind) return frame.value as FrameOf<typeof kind>;
      }
    },
    send,
    joined(room, frame = {}) {
      const resumeToken = `token ${frame.headOffset ?? 0n}`;
      send({ $case: 'joined', value: { memberId: 'me', resumeToken, ...frame, room } });
    },
    messages(room, offsets, frame = {}) {
      const last = BigInt(offsets.at(-1) ?? 0);
      const records = offsets.map((offset) => ({
        offset: BigInt(offset),
        event: { id: `${offset}`, type: 'message', payload: { $case: 'text' as const, value: `${offset}` } },
      }));
      const state = TailState.TAIL_STATE_LIVE;
      const page = { room, records, resumeToken: `token ${last}`, readOffset: last, headOffset: last, state, ...frame };
      send({ $case: 'messages', value: page });
    },
    end: (code, reason = 'SCRIPTED') => answers.end(code === undefined ? undefined : failure(code, reason)),
    halfClosed,
    get isOpen() {
      return answers.isOpen;
    },
  };
  return { stream, answers };
}

function failure(code: Status, reason: string): Error {
  return new RichServerError(code, reason, [ErrorInfo.fromPartial({ reason, domain: 'leat' })]);
}

function createInbox<T>() {
  const items: T[] = [];
  const takers: ((item: T) => void)[] = [];
  return {
    put(item: T): void {
      const taker = takers.shift();
      if (taker === undefined) items.push(item);
      else taker(item);
    },
    take(): Promise<T> {
      const [item] = items.splice(0, 1);
      return item === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(item);
    },
  };
}

function createAnswers() {
  const inbox = createInbox<{ readonly answer: DeepPartial<ChatResponse> } | { readonly error?: Error }>();
  let isOpen = true;
  return {
    get isOpen() {
      return isOpen;
    },
    put: (answer: DeepPartial<ChatResponse>) => inbox.put({ answer }),
    end: (error?: Error) => inbox.put({ error }),
    async *all() {
      try {
        for (;;) {
          const next = await inbox.take();
          if ('answer' in next) yield next.answer;
          else if (next.error === undefined) return;
          else throw next.error;
        }
      } finally {
        isOpen = false;
      }
    },
  };
}

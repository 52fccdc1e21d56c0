import type { Client } from 'nice-grpc';
import { Metadata } from 'nice-grpc-common';
import type { EventRecord } from '../../gen/leat/v1/event.js';
import {
  type ChatRequest,
  type ChatResponse,
  type ChatServiceDefinition,
  type DeepPartial,
  type JoinRoom,
  type RoomJoined,
} from '../../gen/leat/v1/chat_service.js';

type Frame = NonNullable<ChatResponse['frame']>;
type FrameOf<C extends Frame['$case']> = Extract<Frame, { $case: C }>['value'];

/** A test that waits for a frame says what it waited for when nothing at all has come for so long. */
const PATIENCE_MS = 30_000;

/** One Chat stream in the hands of a test: what it sends, and all that came, in order. */
export interface ChatStream {
  readonly frames: readonly Frame[];
  /** Settles when the stream is over; never rejects. */
  readonly ended: Promise<unknown>;
  send(frame: DeepPartial<ChatRequest['frame']>): void;
  /** The next frame of a kind that nobody took yet and that fits; those before it are passed over. */
  take<C extends Frame['$case']>(kind: C, fits?: (value: FrameOf<C>) => boolean): Promise<FrameOf<C>>;
  /** All of a kind that came so far. */
  all<C extends Frame['$case']>(kind: C): FrameOf<C>[];
  /** All records of a room that came so far. */
  records(room: string): EventRecord[];
  join(room: string, join?: DeepPartial<JoinRoom>): Promise<RoomJoined>;
  say(room: string, id: string, text?: string): void;
  /** Sends a ping and waits for its pong: what was there before has come. */
  settle(): Promise<void>;
  /** Half-closes. */
  finish(): void;
  /** Aborts, as a client that leaves without a word. */
  abort(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ChatStreamOptions {
  readonly session?: string;
  readonly user?: string;
  /** Without hello. */
  readonly silent?: boolean;
}

let lastNonce = 0n;

/** Opens a stream and says hello. */
export function openChat(
  client: Client<ChatServiceDefinition>,
  { session = crypto.randomUUID(), silent, user }: ChatStreamOptions = {},
): ChatStream {
  const frames: Frame[] = [];
  const taken = new Set<Frame>();
  const requests = createQueue<DeepPartial<ChatRequest>>();
  const leaving = new AbortController();
  let error: unknown;
  let isOver = false;
  const waiters = new Set<() => void>();

  function onFrame(): void {
    for (const wake of waiters) wake();
    waiters.clear();
  }

  async function read(): Promise<unknown> {
    try {
      const metadata = Metadata(user === undefined ? {} : { 'leat-user': user });
      for await (const { frame } of client.chat(requests.items, { signal: leaving.signal, metadata })) {
        if (frame) frames.push(frame);
        onFrame();
      }
    } catch (failure) {
      error = failure;
    } finally {
      isOver = true;
      requests.end();
      onFrame();
    }
    return error;
  }

  async function take<C extends Frame['$case']>(kind: C, fits: (value: FrameOf<C>) => boolean = () => true) {
    // Each frame is looked at once: what did not fit does not fit later.
    for (let at = 0; ; at++) {
      while (at >= frames.length) {
        if (isOver) throw new Error(`the stream ended without a frame "${kind}"`, { cause: error });
        await nextFrame(kind);
      }
      const frame = frames[at];
      if (frame?.$case !== kind || taken.has(frame) || !fits(frame.value as FrameOf<C>)) continue;
      taken.add(frame);
      return frame.value as FrameOf<C>;
    }
  }

  /** Waits as long as something comes: on a machine that is busy everything takes longer. */
  async function nextFrame(kind: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      waiters.add(resolve);
      timer = setTimeout(() => reject(new Error(`no frame "${kind}" came, nor any other`)), PATIENCE_MS);
    }).finally(() => clearTimeout(timer));
  }

  const ended = read();
  const stream: ChatStream = {
    frames,
    ended,
    send: (frame) => requests.push({ frame }),
    take,
    all: (kind) => frames.flatMap((frame) => (frame.$case === kind ? [frame.value as never] : [])),
    records: (room) => stream.all('messages').flatMap((page) => (page.room === room ? page.records : [])),
    async join(room, join = {}) {
      stream.send({ $case: 'join', value: { room, ...join } });
      return take('joined', (joined) => joined.room === room);
    },
    say: (room, id, text = id) =>
      stream.send({ $case: 'send', value: { room, message: { id, payload: { $case: 'text', value: text } } } }),
    async settle() {
      const nonce = ++lastNonce;
      stream.send({ $case: 'ping', value: { nonce } });
      await take('pong', (pong) => pong.nonce === nonce);
    },
    finish: () => requests.end(),
    abort: () => leaving.abort(),
    async [Symbol.asyncDispose]() {
      leaving.abort();
      await ended;
    },
  };
  if (!silent) stream.send({ $case: 'hello', value: { sessionId: session } });
  return stream;
}

/** Items that are pushed one by one and read as they come. */
function createQueue<T>() {
  const waiting: T[] = [];
  let isEnded = false;
  let onItem = () => undefined as void;
  return {
    push(item: T) {
      waiting.push(item);
      onItem();
    },
    end() {
      isEnded = true;
      onItem();
    },
    items: (async function* () {
      for (;;) {
        for (let next = waiting.shift(); next; next = waiting.shift()) yield next;
        if (isEnded) return;
        await new Promise<void>((resolve) => (onItem = resolve));
      }
    })(),
  };
}

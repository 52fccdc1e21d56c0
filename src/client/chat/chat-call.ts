import type { ChatRequest, ChatResponse } from '../../../gen/leat/v1/chat_service.js';
import type { ChatServiceClient } from '../../../gen/leat/v1/chat_service.js';
import type { LeatCallOptions } from '../call-options.js';
import { watchStream } from '../watch-stream.js';
import { linkSignals } from '../link-signals.js';
import type { Outbox } from './outbox.js';

/** ChatService as this client calls it. */
export type ChatClient = ChatServiceClient<LeatCallOptions>;

export interface ChatCall {
  readonly chat: ChatClient;
  readonly sessionId: string;
  readonly outbox: Outbox;
  readonly onFrame: (response: ChatResponse) => void;
  /** When nothing came for so long, `onSilence` is called; the stream is given up after three times as long. */
  readonly heartbeatMs: number;
  readonly onSilence: () => void;
  readonly signal: AbortSignal;
}

const MISSED_HEARTBEATS = 3;

/** One Chat stream; resolves when the service has ended it with OK. Leaves no call, timer or listener. */
export async function chatCall({ chat, onFrame, heartbeatMs, onSilence, ...call }: ChatCall): Promise<void> {
  const ended = linkSignals(call.signal);
  const open = (signal: AbortSignal) => chat.chat(requests(call, ended.signal), { signal });
  const silence = setTimeout(onSilence, heartbeatMs);
  try {
    for await (const response of watchStream(open, MISSED_HEARTBEATS * heartbeatMs, call.signal)) {
      silence.refresh();
      onFrame(response);
    }
  } finally {
    clearTimeout(silence);
    // Nobody asks for requests any more.
    ended.abort();
    ended.unlink();
  }
}

async function* requests(
  { sessionId, outbox }: Pick<ChatCall, 'sessionId' | 'outbox'>,
  signal: AbortSignal,
): AsyncGenerator<ChatRequest, void, undefined> {
  yield { frame: { $case: 'hello', value: { sessionId } } };
  yield* outbox.frames(signal);
}

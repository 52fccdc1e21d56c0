import type { ChatRequest } from '../../../gen/leat/v1/chat_service.js';

export type Frame = NonNullable<ChatRequest['frame']>;

/** Somebody who has frames to send, made at the moment when they are sent: what is overwritten before is never sent. */
export interface FrameSource {
  /** The next frame, which counts as sent; undefined if there is nothing to say now. */
  nextFrame(): Frame | undefined;
}

/** What a stream sends next: one frame of each source that has one, in turn. Holds no frames. */
export interface Outbox {
  /** The source may have something to say. */
  wake(source: FrameSource): void;
  remove(source: FrameSource): void;
  /** Frames until `signal` aborts; after `finish`, until nobody has any. One stream at a time. */
  frames(signal: AbortSignal): AsyncGenerator<ChatRequest, void, undefined>;
  finish(): void;
}

export function createOutbox(): Outbox {
  const sources = new Set<FrameSource>();
  let isFinishing = false;
  let resume = () => undefined as void;

  function take(): Frame | undefined {
    for (const source of sources) {
      sources.delete(source);
      const frame = source.nextFrame();
      if (frame === undefined) continue;
      // Behind the others.
      sources.add(source);
      return frame;
    }
    return undefined;
  }

  async function more(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wakeUp = () => {
        signal.removeEventListener('abort', wakeUp);
        resolve();
      };
      signal.addEventListener('abort', wakeUp);
      resume = wakeUp;
    });
  }

  return {
    wake(source) {
      sources.add(source);
      resume();
    },
    remove: (source) => void sources.delete(source),
    async *frames(signal) {
      while (!signal.aborted) {
        const frame = take();
        if (frame !== undefined) yield { frame };
        else if (isFinishing) return;
        else await more(signal);
      }
    },
    finish() {
      isFinishing = true;
      resume();
    },
  };
}

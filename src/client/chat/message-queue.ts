import type { RoomMessage } from './chat-options.js';

/** Messages that have come and were not asked for yet. Whoever asks gets the oldest; each message goes to one asker. */
export interface MessageQueue {
  readonly bytes: number;
  readonly iterable: AsyncIterable<RoomMessage>;
  push(messages: readonly RoomMessage[]): void;
  /** Nothing more comes. What is there is still given out before an error; without one it is dropped. */
  end(error?: unknown): void;
}

interface Asker {
  readonly owner: object;
  readonly resolve: (result: IteratorResult<RoomMessage, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE = { done: true, value: undefined } as const;

/** What waits in all queues of a stream. */
export interface QueueTotal {
  bytes: number;
}

/** `onTaken` is called whenever there is room again. */
export function createMessageQueue(total: QueueTotal, onTaken: () => void): MessageQueue {
  let messages: RoomMessage[] = [];
  let bytes = 0;
  let ended: { readonly error?: unknown } | undefined;
  let askers: Asker[] = [];

  function count(change: number): void {
    bytes += change;
    // A room that is over takes no room from others, whether anybody still reads it or not.
    if (ended === undefined) total.bytes += change;
  }

  function serve(): void {
    while (askers.length > 0) {
      const message = messages.shift();
      if (message === undefined && ended === undefined) return;
      const asker = askers.shift();
      if (message === undefined) {
        if (ended?.error === undefined) asker?.resolve(DONE);
        else asker?.reject(ended.error);
        continue;
      }
      count(-sizeOf(message));
      asker?.resolve({ done: false, value: message });
      onTaken();
    }
  }

  function iterate(): AsyncIterator<RoomMessage, undefined> {
    const owner = {};
    let returned = false;
    return {
      next: () =>
        new Promise((resolve, reject) => {
          if (returned) return resolve(DONE);
          askers.push({ owner, resolve, reject });
          serve();
        }),
      // The next loop goes on behind the last message of this one.
      async return() {
        returned = true;
        const left = askers.filter((asker) => asker.owner === owner);
        askers = askers.filter((asker) => asker.owner !== owner);
        left.forEach(({ resolve }) => resolve(DONE));
        return DONE;
      },
    };
  }

  return {
    get bytes() {
      return bytes;
    },
    iterable: { [Symbol.asyncIterator]: iterate },
    push(more) {
      if (ended !== undefined) return;
      for (const message of more) {
        messages.push(message);
        count(sizeOf(message));
      }
      serve();
    },
    end(error) {
      if (ended !== undefined) return;
      total.bytes -= bytes;
      ended = { error };
      if (error === undefined) {
        messages = [];
        bytes = 0;
      }
      serve();
    },
  };
}

/** What a decoded message takes, roughly; its other fields are small, or count little. */
function sizeOf({ event }: RoomMessage): number {
  return 256 + (event.payload?.value.length ?? 0);
}

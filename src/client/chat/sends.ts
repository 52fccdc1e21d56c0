import type { Delivery, SendToRoom } from '../../../gen/leat/v1/chat_service.js';
import type { Event } from '../../../gen/leat/v1/event.js';
import type { SendLimit } from './send-limit.js';

/** A message on its way. */
export interface PendingMessage {
  readonly id: string;
  readonly event: Event;
}

/** The messages of one room that nobody has answered for, in their order. */
export interface Sends {
  readonly size: number;
  readonly pending: readonly PendingMessage[];
  add(event: Event): Promise<Delivery>;
  /** The next one that this stream has not sent, and may. */
  next(room: string): SendToRoom | undefined;
  /** A new stream: all have to be sent again. */
  resend(): void;
  /** Refused for now: it goes before those that were said later. */
  again(id: string): void;
  /** Answered, or given up: nothing is sent again. */
  deliver(delivery: Delivery): void;
  reject(id: string, error: unknown): void;
  giveUp(event: Event, error: unknown): void;
  rejectAll(error: unknown): void;
}

interface Waiting extends PendingMessage {
  /** Its place among all. */
  readonly number: number;
  readonly resolve: (delivery: Delivery) => void;
  readonly reject: (error: unknown) => void;
}

/** `onAdmitted`: there is a message to send. */
export function createSends(limit: SendLimit, onAdmitted: () => void): Sends {
  // In order. What waits for its turn is behind what does not. An id may be there twice: each is answered for itself.
  let sent = new Set<Waiting>();
  let unsent = new Set<Waiting>();
  const waiting = new Set<Waiting>();
  let count = 0;
  const all = () => [...sent, ...unsent, ...waiting];

  function admit(): boolean {
    for (const message of waiting) {
      waiting.delete(message);
      unsent.add(message);
      onAdmitted();
      return true;
    }
    return false; // Given up while it waited.
  }

  function remove(message: Waiting): Waiting {
    const isUnderWay = sent.delete(message) || unsent.delete(message);
    if (isUnderWay) limit.leave();
    else waiting.delete(message);
    return message;
  }

  function take(fits: (message: Waiting) => boolean): Waiting | undefined {
    for (const messages of [sent, unsent, waiting]) {
      for (const message of messages) if (fits(message)) return remove(message);
    }
    return undefined;
  }

  const named = (wanted: string) => take(({ id }) => id === wanted);

  return {
    get size() {
      return sent.size + unsent.size + waiting.size;
    },
    get pending() {
      return all();
    },
    add: (event) =>
      new Promise((resolve, reject) => {
        waiting.add({ id: event.id, number: count++, event, resolve, reject });
        limit.enter(admit);
      }),
    next(room) {
      for (const message of unsent) {
        unsent.delete(message);
        sent.add(message);
        return { room, message: message.event };
      }
      return undefined;
    },
    resend() {
      unsent = inOrder([...sent, ...unsent]);
      sent = new Set();
    },
    again(id) {
      for (const message of sent) {
        if (message.id !== id) continue;
        sent.delete(message);
        unsent = inOrder([message, ...unsent]);
        return;
      }
    },
    deliver: (delivery) => named(delivery.messageId)?.resolve(delivery),
    reject: (id, error) => named(id)?.reject(error),
    giveUp: (event, error) => take((message) => message.event === event)?.reject(error),
    rejectAll(error) {
      // The last first: what waits is not let in only to be refused.
      for (const message of all().reverse()) remove(message).reject(error);
    },
  };
}

function inOrder(messages: readonly Waiting[]): Set<Waiting> {
  return new Set([...messages].sort((a, b) => a.number - b.number));
}

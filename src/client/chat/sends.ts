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
  /** Refused for now: it is the next one. */
  again(id: string): void;
  /** Answered, or given up: nothing is sent again. */
  deliver(delivery: Delivery): void;
  reject(id: string, error: unknown): void;
  rejectAll(error: unknown): void;
}

interface Waiting extends PendingMessage {
  readonly resolve: (delivery: Delivery) => void;
  readonly reject: (error: unknown) => void;
}

/** `onAdmitted`: there is a message to send. */
export function createSends(limit: SendLimit, onAdmitted: () => void): Sends {
  // Maps keep the order in which things are added. What waits for its turn is behind what does not.
  let sent = new Map<string, Waiting>();
  let unsent = new Map<string, Waiting>();
  const waiting = new Map<string, Waiting>();
  const all = () => [...sent.values(), ...unsent.values(), ...waiting.values()];

  function admit(): boolean {
    for (const [id, message] of waiting) {
      waiting.delete(id);
      unsent.set(id, message);
      onAdmitted();
      return true;
    }
    return false; // Given up while it waited.
  }

  function take(id: string): Waiting | undefined {
    const message = sent.get(id) ?? unsent.get(id);
    if (message === undefined) {
      const early = waiting.get(id);
      waiting.delete(id);
      return early;
    }
    sent.delete(id);
    unsent.delete(id);
    limit.leave();
    return message;
  }

  return {
    get size() {
      return sent.size + unsent.size + waiting.size;
    },
    get pending() {
      return all();
    },
    add: (event) =>
      new Promise((resolve, reject) => {
        waiting.set(event.id, { id: event.id, event, resolve, reject });
        limit.enter(admit);
      }),
    next(room) {
      for (const [id, message] of unsent) {
        unsent.delete(id);
        sent.set(id, message);
        return { room, message: message.event };
      }
      return undefined;
    },
    resend() {
      unsent = new Map([...sent, ...unsent]);
      sent = new Map();
    },
    again(id) {
      const message = sent.get(id);
      if (message === undefined) return;
      sent.delete(id);
      unsent = new Map([[id, message], ...unsent]);
    },
    deliver: (delivery) => take(delivery.messageId)?.resolve(delivery),
    reject: (id, error) => take(id)?.reject(error),
    rejectAll(error) {
      // The last first: what waits is not let in only to be refused.
      for (const { id } of all().reverse()) take(id)?.reject(error);
    },
  };
}

import type { Delivery, SendToRoom } from '../../../gen/leat/v1/chat_service.js';
import { Event } from '../../../gen/leat/v1/event.js';

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
  /** The next one that this stream has not sent. */
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

export function createSends(): Sends {
  /** Maps keep the order in which things are added. */
  let sent = new Map<string, Waiting>();
  let unsent = new Map<string, Waiting>();

  function take(id: string): Waiting | undefined {
    const waiting = sent.get(id) ?? unsent.get(id);
    sent.delete(id);
    unsent.delete(id);
    return waiting;
  }

  return {
    get size() {
      return sent.size + unsent.size;
    },
    get pending() {
      return [...sent.values(), ...unsent.values()];
    },
    add: (event) =>
      new Promise((resolve, reject) => {
        unsent.set(event.id, { id: event.id, event, resolve, reject });
      }),
    next(room) {
      for (const [id, waiting] of unsent) {
        unsent.delete(id);
        sent.set(id, waiting);
        return { room, message: waiting.event };
      }
      return undefined;
    },
    resend() {
      unsent = new Map([...sent, ...unsent]);
      sent = new Map();
    },
    again(id) {
      const waiting = take(id);
      if (waiting !== undefined) unsent = new Map([[id, waiting], ...unsent]);
    },
    deliver: (delivery) => take(delivery.messageId)?.resolve(delivery),
    reject: (id, error) => take(id)?.reject(error),
    rejectAll(error) {
      for (const { id, reject } of [...sent.values(), ...unsent.values()]) {
        take(id);
        reject(error);
      }
    },
  };
}

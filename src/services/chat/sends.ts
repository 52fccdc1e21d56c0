import type { Delivery } from '../../../gen/leat/v1/chat_service.js';
import { notAMember } from '../../domain/chat/chat-errors.js';
import { appendMessage, messageIdOf, placeOf } from '../../domain/chat/message.js';
import type { DirectCall } from '../../middleware/call-context.js';
import type { AppendEvents } from '../../store/store.js';
import type { EncodedSend } from './chat-codec.js';
import type { ChatRooms } from './chat-rooms.js';
import { encodeFrame } from './frames.js';
import { encodeProblem } from './problems.js';
import type { Pump } from './pump.js';

export interface SendHooks {
  /** A message of this stream is durable, at this offset. */
  onDelivered(room: string, offset: number): void;
  /** One more was answered. */
  onSettled(): void;
}

/**
 * Hands the sends of one stream to the store, pipelined and in order, and tells what became of them. One that fails
 * stops none behind it. What comes of one commit is told in one frame for each room.
 */
export class Sends {
  private inFlight = 0;
  private untoldCount = 0;
  private untold: Map<string, Delivery[]> | undefined = undefined;

  constructor(
    private readonly chat: Pick<ChatRooms, 'store' | 'limits'>,
    private readonly call: DirectCall,
    private readonly pump: Pump,
    private readonly hooks: SendHooks,
  ) {}

  /** Sends that the member was not told of yet. */
  get waiting(): number {
    return this.inFlight + this.untoldCount;
  }

  /** Resolves when the store has taken it; the store's order is that of the calls. */
  async add({ room, message }: EncodedSend, isMember: boolean): Promise<void> {
    const { limits, store } = this.chat;
    const messageId = messageIdOf(message);
    const refuse = (error: unknown) => {
      const problem = encodeProblem(room, error, { $case: 'messageId', value: messageId });
      this.pump.answer(() => problem);
    };
    if (!isMember) return refuse(notAMember(room));
    let append: AppendEvents;
    try {
      append = appendMessage(room, message, this.call.caller, limits);
    } catch (error) {
      return refuse(error);
    }
    const reserved = await store.room(append.events.bytes.length, this.call.signal, { flow: this });
    this.inFlight++;
    store
      .write([append], { room: reserved, flow: this })
      .then(([result]) => this.deliver(room, { messageId, ...placeOf(result) }), refuse)
      .catch((error: unknown) => this.call.fail(error))
      .finally(() => {
        this.inFlight--;
        this.hooks.onSettled();
      });
  }

  private deliver(room: string, delivery: Delivery): void {
    this.hooks.onDelivered(room, Number(delivery.offset));
    this.untoldCount++;
    const untold = (this.untold ??= new Map<string, Delivery[]>());
    const together = untold.get(room);
    if (together) return void together.push(delivery);
    const deliveries = [delivery];
    untold.set(room, deliveries);
    this.pump.answer(() => {
      untold.delete(room);
      if (untold.size === 0) this.untold = undefined;
      this.untoldCount -= deliveries.length;
      return encodeFrame({ $case: 'delivered', value: { room, deliveries } });
    });
  }
}

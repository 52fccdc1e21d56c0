import { sessionOf } from './base-call.js';
import type { InflateBudget } from './inflate-budget.js';
import type { PartialCall, PartialMessage, PartialMessages } from './partial-messages.js';
import { overloaded, refuse, type Refusable } from './refusals.js';
import { RequestReceiver } from './request-receiver.js';

/** So much is not counted: the call itself takes more. */
const UNCOUNTED_BYTES = 4 * 1024;

/**
 * Bounds what a call holds of messages that its handler cannot have yet: a message that is not complete counts among
 * those of all calls, a compressed one is charged to the budget for inflating.
 */
export class BoundCall implements PartialCall {
  private part: PartialMessage | undefined = undefined;
  private readonly receiver: RequestReceiver;

  constructor(
    private readonly call: Refusable,
    private readonly messages: PartialMessages,
    inflateBudget: InflateBudget,
  ) {
    this.receiver = new RequestReceiver(call.nextCall, {
      requestStream: call.requestStream,
      inflateBudget,
      holds: (bytes, isReading, received) => this.holds(bytes, isReading, received),
      refuse: (error) => refuse(call, error),
    });
  }

  get connection(): object {
    return sessionOf(this.call.nextCall) ?? this.call;
  }

  /** True if bytes follow the last complete message. At the end of a stream such a message was cut short. */
  get hasPartialMessage(): boolean {
    return this.receiver.hasPart;
  }

  /** Bytes of the message that is on its way. */
  get receivedBytes(): number {
    return this.receiver.receivedBytes;
  }

  /** The call is over. */
  over(): void {
    this.part?.forget();
    this.receiver.close();
  }

  pause(): void {
    this.receiver.hold(true);
  }

  resume(): void {
    this.receiver.hold(false);
  }

  end(): void {
    this.receiver.close();
    refuse(this.call, overloaded());
  }

  private holds(bytes: number, isReading: boolean, received: number): void {
    if (this.part === undefined && bytes <= UNCOUNTED_BYTES) return;
    this.part ??= this.messages.add(this);
    this.part.holds(bytes, isReading, received);
  }
}

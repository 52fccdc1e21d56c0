import { dropPartialMessage, isReading, pauseReading, resumeReading, watchPartialMessage } from './base-call.js';
import type { PartialCall, PartialMessage, PartialMessages } from './partial-messages.js';
import { overloaded, refuse, type Refusable } from './refusals.js';

/**
 * Counts a call among those that share the bound on messages that are not whole, once it has one: most messages come in
 * one piece, and are never heard of here.
 */
export class BoundCall implements PartialCall {
  private part: PartialMessage | undefined = undefined;

  constructor(
    private readonly call: Refusable,
    private readonly messages: PartialMessages,
  ) {
    watchPartialMessage(call.nextCall, this);
  }

  /** The call holds so much of a message. */
  holds(bytes: number, goesOn: boolean): void {
    this.part ??= this.messages.add(this);
    this.part.holds(bytes, goesOn);
  }

  get isTight(): boolean {
    return this.messages.isTight;
  }

  /** The handler reads on. */
  reads(): void {
    if (this.part && isReading(this.call.nextCall)) this.part.goesOn();
  }

  /** The call is over. */
  over(): void {
    this.part?.forget();
  }

  pause(): void {
    pauseReading(this.call.nextCall);
  }

  resume(): void {
    resumeReading(this.call.nextCall);
  }

  end(): void {
    dropPartialMessage(this.call.nextCall);
    refuse(this.call, overloaded());
  }
}

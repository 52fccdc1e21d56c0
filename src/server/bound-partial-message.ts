import { dropPartialMessage, isReading, pauseReading, resumeReading, watchPartialMessage } from './base-call.js';
import type { PartialMessage, PartialMessages } from './partial-messages.js';

/** What a call says of itself, for the bound on what all calls hold of messages that are not whole. */
export interface BoundCall {
  /** The handler reads on. */
  reads(): void;
  /** The call is over. */
  over(): void;
}

/** Counts a call of grpc-js among those that share the bound; `end` has to end it, to make room for others. */
export function boundPartialMessage(call: object, messages: PartialMessages, end: () => void): BoundCall {
  let part: PartialMessage | undefined;
  const add = () =>
    messages.add({
      pause: () => pauseReading(call),
      resume: () => resumeReading(call),
      end: () => {
        dropPartialMessage(call);
        end();
      },
    });
  // Most messages come in one piece, and are never heard of here.
  watchPartialMessage(call, (bytes, goesOn) => (part ??= add()).holds(bytes, goesOn));
  return {
    reads: () => void (part && isReading(call) && part.goesOn()),
    over: () => part?.forget(),
  };
}

import type { Metadata, ServerInterceptor } from '@grpc/grpc-js';
import { sessionOf } from './base-call.js';
import type { CallTurns } from './call-turns.js';

type NextCall = Parameters<ServerInterceptor>[1];
type Listener = Parameters<NextCall['start']>[0];

/**
 * Lets the call take its turn before its end is reported. When a connection is lost, Node closes all its streams in one
 * turn of the event loop, and what libraries and handlers then do for each takes most of the time. Until the report
 * `isStreamClosed` is true, and the call takes neither a message nor a status.
 */
export function endInTurn(nextCall: NextCall, turns: CallTurns): void {
  const start = nextCall.start.bind(nextCall);
  const connection = sessionOf(nextCall) ?? nextCall;
  nextCall.start = (listener) => start(new EndingInTurn(listener, connection, turns));
}

class EndingInTurn implements Listener {
  constructor(
    private readonly listener: Listener,
    private readonly connection: object,
    private readonly turns: CallTurns,
  ) {}

  onReceiveMetadata(metadata: Metadata): void {
    this.listener.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: unknown): void {
    this.listener.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    this.listener.onReceiveHalfClose();
  }

  onCancel(): void {
    this.turns.enter(this.connection, 0, () => this.listener.onCancel());
  }
}

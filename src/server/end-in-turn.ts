import type { Metadata, ServerInterceptor } from '@grpc/grpc-js';
import { turnKeyOf } from './base-call.js';
import type { CallTurns } from './call-turns.js';

type NextCall = Parameters<ServerInterceptor>[1];
type Listener = Parameters<NextCall['start']>[0];

/**
 * Reports the end of a call when it is the call's turn. When a connection is lost, Node closes all its streams in one
 * turn of the event loop, and ending the handlers of thousands of calls there would block it for seconds. Until the
 * report, `isStreamClosed` is true, and grpc-js drops messages and statuses of the call.
 */
export function endInTurn(nextCall: NextCall, turns: CallTurns): void {
  const start = nextCall.start.bind(nextCall);
  const key = turnKeyOf(nextCall);
  nextCall.start = (listener) => start(new EndingInTurn(listener, key, turns));
}

class EndingInTurn implements Listener {
  constructor(
    private readonly listener: Listener,
    private readonly key: object,
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
    this.turns.enter(this.key, 0, () => this.listener.onCancel());
  }
}

import { Channel, Status, type ClientMiddleware } from 'nice-grpc';
import { clientReasons, LeatError } from './leat-error.js';

/** The last moment of a call. */
export interface DeadlineOptions {
  readonly deadline?: Date;
}

/**
 * A channel whose calls end at the deadline that its middleware is given: grpc-js sends what is left of it as
 * `grpc-timeout`, and ends the call here as well. nice-grpc has no way to pass a deadline on to grpc-js, and its own
 * deadline middleware sends none; but it asks the channel for the call within the first step of its generator, with
 * nothing awaited before. So the middleware has to be the first that is used, next to the wire.
 */
export class DeadlineChannel extends Channel {
  private deadline: Date | undefined;
  private closed = false;

  override createCall(...[method, deadline, ...rest]: Parameters<Channel['createCall']>) {
    if (this.closed) throw clientClosed();
    return super.createCall(method, this.deadline ?? deadline, ...rest);
  }

  override close(): void {
    this.closed = true;
    super.close();
  }

  /** Use it before all others. */
  createMiddleware(): ClientMiddleware<DeadlineOptions> {
    const setDeadline = (deadline: Date | undefined) => (this.deadline = deadline);
    return async function* withDeadline(call, { deadline, ...options }) {
      // Set by every call right before its own, so there is none left over from another.
      setDeadline(deadline);
      return yield* call.next(call.request, options);
    };
  }
}

function clientClosed(): LeatError {
  return new LeatError('the client is closed', { code: Status.CANCELLED, reason: clientReasons.closed });
}

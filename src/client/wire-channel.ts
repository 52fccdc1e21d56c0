import type { ClientHttp2Session } from 'node:http2';
import { Channel, Status, type ClientMiddleware } from 'nice-grpc';
import { boundClose } from '../flow/bounded-close.js';
import { CLIENT_CLOSED, clientReasons, LeatError } from './leat-error.js';
import type { ReadGate } from './read-gate.js';
import { cancelForSure } from './sure-cancel.js';

/** What only grpc-js itself can do for a call. */
export interface WireOptions {
  /** The call's last moment: what is left of it is sent as `grpc-timeout`, and the call ends here as well. */
  readonly deadline?: Date;
  /** Lets messages in one by one; grpc-js alone would decode 16 ahead of its reader. */
  readonly gate?: ReadGate;
}

type Call = ReturnType<Channel['createCall']>;

/**
 * A channel whose calls have what its middleware is given for them. nice-grpc has no way to pass it on to grpc-js (its
 * own deadline middleware sends no `grpc-timeout`), but it asks the channel for the call within the first step of its
 * generator, with nothing awaited before. So the middleware has to be the first that is used, next to the wire.
 */
export class WireChannel extends Channel {
  private next: WireOptions = {};
  private closed = false;
  private readonly calls = new Set<Call>();
  /** For each connection, the function that closes it even if the service does not read. */
  private readonly closeSoon = new Set<() => void>();

  override createCall(...[method, deadline, ...rest]: Parameters<Channel['createCall']>): Call {
    if (this.closed) throw clientClosed();
    const call = cancelForSure(super.createCall(method, this.next.deadline ?? deadline, ...rest));
    this.track(call);
    return this.next.gate === undefined ? call : gated(call, this.next.gate);
  }

  /** A connection was made. */
  add(session: ClientHttp2Session): void {
    const closeSoon = boundClose(session);
    if (this.closed) return closeSoon();
    this.closeSoon.add(closeSoon);
    session.once('close', () => this.closeSoon.delete(closeSoon));
  }

  /**
   * Ends all calls with CLIENT_CLOSED, and the connections: those of a service that reads as soon as it has been sent
   * what is left, others after a second. Repeating it is harmless.
   */
  override close(): void {
    this.closed = true;
    for (const call of [...this.calls]) call.cancelWithStatus(Status.CANCELLED, CLIENT_CLOSED);
    super.close();
    for (const closeSoon of this.closeSoon) closeSoon();
  }

  private track(call: Call): void {
    const start = call.start.bind(call);
    const begin: Call['start'] = (metadata, listener) => {
      this.calls.add(call);
      start(metadata, {
        onReceiveMetadata: (received) => listener.onReceiveMetadata(received),
        onReceiveMessage: (message) => listener.onReceiveMessage(message),
        onReceiveStatus: (status) => {
          this.calls.delete(call);
          listener.onReceiveStatus(hasCode(status) ? status : { ...status, ...cannotDecompress });
        },
      });
    };
    Object.assign(call, { start: begin });
  }

  /** Use it before all others. */
  createMiddleware(): ClientMiddleware<WireOptions> {
    const prepare = (options: WireOptions) => (this.next = options);
    return async function* withWire(call, { deadline, gate, ...options }) {
      // Set by every call right before its own, so there is nothing left over from another.
      prepare({ deadline, gate });
      return yield* call.next(call.request, options);
    };
  }
}

/** grpc-js (1.14) ends a call without a code when it cannot decompress a message. */
const cannotDecompress = {
  code: Status.INTERNAL,
  details: 'a response could not be decompressed: the server used an unknown encoding, or sent damaged data',
};

const hasCode = ({ code }: { readonly code?: Status }) => code !== undefined;

function gated(call: Call, gate: ReadGate): Call {
  const startRead = call.startRead.bind(call);
  return Object.assign(call, { startRead: () => gate.enter(startRead) });
}

function clientClosed(): LeatError {
  return new LeatError(CLIENT_CLOSED, { code: Status.CANCELLED, reason: clientReasons.closed });
}

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { DETAILS_TRAILER } from '../middleware/error-details.js';
import { DomainError } from '../domain/errors.js';
import type { AdmittedCall, CallGate, CallKind } from './call-limits.js';
import type { Connection } from './connection.js';
import type { CallTurns } from './call-turns.js';
import type { Connections } from './connections.js';
import { holdEnd } from './paused-buffer.js';
import type { ReadTurns } from './read-turns.js';
import { statusOf } from './wire-status.js';

export interface AdmissionDeps {
  readonly connections: Connections;
  readonly gate: CallGate;
  /** Methods with one request and one answer. */
  readonly isUnary: (path: string) => boolean;
  readonly readTurns: ReadTurns;
  /** For the calls of connections that begin many at once. */
  readonly callTurns: CallTurns;
  /** A call was refused because there are too many. */
  refused(connection: Connection): void;
}

/** As grpc-js listens to `stream` events. */
export type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => void;

const ADMITTED = Symbol('leat.admitted');

type Admittable = ServerHttp2Stream & { [ADMITTED]?: AdmittedCall };

/** The place that a call has; undefined on a server without limits. */
export function admittedCall(stream: object | undefined): AdmittedCall | undefined {
  return (stream as Admittable | undefined)?.[ADMITTED];
}

/** Made once: there may be thousands a second. */
export const tooManyCalls = new DomainError(
  'unavailable',
  'TOO_MANY_CALLS',
  'the server runs as many calls as it may, or this connection has its share of them: ' +
    'end calls that are not needed, or retry later',
);

/**
 * Lets calls through to `next` as long as there are places for them. Refuses others here, below grpc-js, where a call
 * costs least.
 */
export function admit(deps: AdmissionDeps, next: StreamListener): StreamListener {
  const { connections, gate, readTurns, callTurns } = deps;
  const refusal = refusalHeaders();
  return (stream, headers, flags) => {
    const { session } = stream;
    const connection = connections.of(session);
    if (session === undefined || connection === undefined) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    const call = gate.admit(connection, kindOf(headers[':path'] ?? '', deps));
    connections.callBegan(connection, stream);
    stream.once('close', () => {
      call?.over();
      connections.callEnded(connection, stream);
    });
    if (call === undefined) {
      deps.refused(connection);
      stream.on('error', () => undefined);
      // Node resets it with NO_ERROR then, since nobody reads from it.
      return stream.respond(refusal, { endStream: true });
    }
    (stream as Admittable)[ADMITTED] = call;
    if (readTurns.of(session).opened()) return next(stream, headers, flags);
    // Until grpc-js listens. By then many calls of a client that resets them at once are over, and cost no more.
    stream.on('error', () => undefined);
    const releaseEnd = holdEnd(stream);
    const leave = callTurns.enter(session, 0, () => {
      if (stream.closed) return void stream.destroy();
      next(stream, headers, flags);
      releaseEnd();
    });
    stream.once('close', leave);
  };
}

function kindOf(path: string, { isUnary }: AdmissionDeps): CallKind {
  if (path === '/grpc.health.v1.Health/Check') return 'health';
  return isUnary(path) ? 'unary' : 'stream';
}

function refusalHeaders() {
  const { code, details, metadata } = statusOf(tooManyCalls);
  return {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-status': code,
    'grpc-message': encodeURI(details),
    [DETAILS_TRAILER]: (metadata?.get(DETAILS_TRAILER)[0] as Buffer).toString('base64'),
  };
}

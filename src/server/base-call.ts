import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';

/** What a call of grpc-js 1.14.7 keeps in private. Tests in test/server fail if these names change. */
interface BaseCall {
  readonly stream?: Omit<ServerHttp2Stream, 'session'> & { readonly session?: ServerHttp2Session };
  /** Is called for each message that is complete and decompressed. */
  readonly callEventTracker?: { addMessageReceived: () => void };
  readonly receivedHalfClose?: boolean;
  /** A response's header was sent, so that its status goes out as trailers. */
  readonly metadataSent?: boolean;
}

const RESET_BY_SERVER = Symbol('leat.reset');

/** Frees a call whose client reads neither messages nor status; there is no other way but to close its connection. */
export function resetStream(call: object): void {
  const stream = (call as BaseCall).stream as ResetStream | undefined;
  if (stream === undefined || stream.destroyed) return;
  stream[RESET_BY_SERVER] = true;
  stream.close(constants.NGHTTP2_CANCEL);
}

type ResetStream = ServerHttp2Stream & { [RESET_BY_SERVER]?: true };

/** True if it was `resetStream` that closed it. */
export function isResetByServer(stream: object): boolean {
  return (stream as ResetStream)[RESET_BY_SERVER] === true;
}

/**
 * Frees a call that has its status although its client has not half-closed (RFC 9113, section 8.1). Otherwise a client
 * that never does would hold the stream, and its memory, as long as the connection. To be called with the status.
 */
export function releaseStream(call: object): void {
  const { stream, receivedHalfClose, metadataSent } = call as BaseCall;
  if (stream === undefined || receivedHalfClose || stream.closed) return;
  const release = () => void setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
  if (metadataSent) stream.once('wantTrailers', release);
  else release();
}

/** True once the stream is reset, lost, or closed by both sides. */
export function isStreamClosed(call: object): boolean {
  const { stream } = call as BaseCall;
  return stream !== undefined && (stream.closed || stream.destroyed);
}

/** Calls `action` once, when the first message is complete. */
export function onFirstMessage(call: object, action: () => void): void {
  const tracker = (call as BaseCall).callEventTracker;
  if (tracker === undefined) return;
  const original = tracker.addMessageReceived;
  tracker.addMessageReceived = () => {
    tracker.addMessageReceived = original;
    action();
    original();
  };
}

/** False while the client is held back by flow control, because the server does not read. */
export function isReading(call: object): boolean {
  return (call as BaseCall).stream?.isPaused() === false;
}

/** The HTTP/2 stream that carries it. */
export function streamOf(call: object): ServerHttp2Stream | undefined {
  return (call as BaseCall).stream as ServerHttp2Stream | undefined;
}

/** The connection that it came on; undefined if that is gone. */
export function sessionOf(call: object): ServerHttp2Session | undefined {
  return (call as BaseCall).stream?.session;
}

/** The key of the call in `CallTurns`: its connection, or the call itself once the connection is gone. */
export function turnKeyOf(call: object): object {
  return sessionOf(call) ?? call;
}

/**
 * Writes a message with its length before it, past grpc-js, which would copy it twice and call a dozen functions: for
 * one message to a thousand streams that is most of the work. `done` is called when it is on the socket. Does nothing,
 * and says so, before the response's header and after its end.
 */
export function writeFrame(call: object, frame: Uint8Array, done: () => void): boolean {
  const { stream } = call as BaseCall;
  if (!stream?.headersSent || !stream.writable) return false;
  stream.write(frame, (error) => {
    if (!error) done();
  });
  return true;
}

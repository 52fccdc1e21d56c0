import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';

/** What a call of grpc-js 1.14.7 keeps in private. Tests in test/server fail if these names change. */
interface BaseCall {
  readonly stream?: Pick<
    ServerHttp2Stream,
    'close' | 'pause' | 'resume' | 'isPaused' | 'write' | 'writable' | 'headersSent'
  > & {
    readonly session?: ServerHttp2Session;
  };
}

/** Frees a call whose client reads neither messages nor status; there is no other way but to close its connection. */
export function resetStream(call: object): void {
  (call as BaseCall).stream?.close(constants.NGHTTP2_CANCEL);
}

/** The connection that it came on; undefined if that is gone. */
export function sessionOf(call: object): ServerHttp2Session | undefined {
  return (call as BaseCall).stream?.session;
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

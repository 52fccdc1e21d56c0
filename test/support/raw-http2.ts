import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';

/** How a call ended, as it was on the wire. */
export interface RawEnd {
  /** `grpc-status`; undefined if none came. */
  readonly status: number | undefined;
  /** Decoded `grpc-message`. */
  readonly message: string;
  /** `:status` of the response; undefined if none came. */
  readonly httpStatus: number | undefined;
  /** Code of RST_STREAM; 0 if it ended well. */
  readonly reset: number;
  /** The response's header fields and trailers together. */
  readonly headers: IncomingHttpHeaders;
}

export interface RawCall {
  readonly stream: ClientHttp2Stream;
  /** Settles when the stream is closed, in whatever way. */
  readonly ended: Promise<RawEnd>;
}

/** A connection without any gRPC in it, to send what no client library would. */
export interface RawConnection {
  readonly session: ClientHttp2Session;
  /** Cuts the TCP connection, without a word of HTTP/2. */
  cut(): void;
  /** Begins a call. The response is read and thrown away unless `paused`. */
  call(path: string, options?: { headers?: Record<string, string | string[]>; paused?: boolean }): RawCall;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function connectRaw(port: number): Promise<RawConnection> {
  const socket = connectTcp(port, '127.0.0.1');
  const session = connect(`http://127.0.0.1:${port}`, { createConnection: () => socket });
  session.on('error', () => undefined); // Tests cut connections; what becomes of the calls is in `ended`.
  await once(session, 'remoteSettings');
  return {
    session,
    cut: () => void socket.destroy(),
    call: (path, { headers = {}, paused = false } = {}) => {
      const stream = session.request({ ...required(path), ...headers });
      if (!paused) stream.resume();
      return { stream, ended: endOf(stream) };
    },
    async [Symbol.asyncDispose]() {
      if (session.destroyed) return;
      const closed = once(session, 'close');
      session.destroy();
      await closed;
    },
  };
}

/** A gRPC frame. `length` can be given to announce more than is sent. */
export function frame(message: Uint8Array, { flag = 0, length = message.byteLength } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

function required(path: string) {
  return { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
}

function endOf(stream: ClientHttp2Stream): Promise<RawEnd> {
  const headers: IncomingHttpHeaders = {};
  stream.on('error', () => undefined);
  // The answer is there: nothing more is sent, or the stream would stay half open.
  stream.on('end', () => stream.end());
  stream.on('response', (fields) => Object.assign(headers, fields));
  stream.on('trailers', (fields) => Object.assign(headers, fields));
  return new Promise((resolve) => {
    stream.on('close', () => {
      const status = headers['grpc-status'];
      resolve({
        status: status === undefined ? undefined : Number(status),
        message: decodeURI(String(headers['grpc-message'] ?? '')),
        httpStatus: headers[':status'] === undefined ? undefined : Number(headers[':status']),
        reset: stream.rstCode ?? 0,
        headers,
      });
    });
  });
}

import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Any, ErrorInfo } from 'nice-grpc-error-details';

/** How a call ended, as it was on the wire. */
export interface RawEnd {
  /** `grpc-status`; undefined if none came. */
  readonly status: number | undefined;
  /** Decoded `grpc-message`. */
  readonly message: string;
  /** Of the ErrorInfo in `grpc-status-details-bin`; empty if there is none. */
  readonly reason: string;
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
  /** Everything that was written to the TCP connection so far. */
  readonly bytesSent: number;
  /** Cuts the TCP connection, without a word of HTTP/2. */
  cut(): void;
  /** Begins a call. The response is read and thrown away unless `paused`. */
  call(path: string, options?: { headers?: Record<string, string | string[]>; paused?: boolean }): RawCall;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function connectRaw(port: number): Promise<RawConnection> {
  const socket = connectTcp(port, '127.0.0.1');
  const session = connect(`http://127.0.0.1:${port}`, { createConnection: (): Duplex => socket });
  session.on('error', () => undefined); // Tests cut connections; what becomes of the calls is in `ended`.
  await once(session, 'remoteSettings');
  return {
    session,
    get bytesSent() {
      return socket.bytesWritten;
    },
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
  const take = (fields: IncomingHttpHeaders) => void Object.assign(headers, fields);
  stream.on('response', take).on('trailers', take);
  return new Promise((resolve) => {
    stream.on('close', () => {
      const status = headers['grpc-status'];
      resolve({
        status: status === undefined ? undefined : Number(status),
        message: decodeURI(String(headers['grpc-message'] ?? '')),
        reason: reasonOf(headers['grpc-status-details-bin']),
        httpStatus: headers[':status'] === undefined ? undefined : Number(headers[':status']),
        reset: stream.rstCode ?? 0,
        headers,
      });
    });
  });
}

/** Reads a google.rpc.Status as far as its first detail. */
function reasonOf(details: string | string[] | undefined): string {
  const reader = new BinaryReader(Buffer.from(String(details ?? ''), 'base64'));
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 3) return ErrorInfo.decode(Any.decode(reader.bytes()).value).reason;
    reader.skip(wireType);
  }
  return '';
}

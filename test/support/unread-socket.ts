import { connect, type Socket } from 'node:net';
import { frame } from './raw-http2.js';

/** An HTTP/2 connection in raw frames, which grants the server endless windows and does not read unless it is resumed. */
export interface UnreadSocket {
  readonly socket: Socket;
  /** The beginning of a call of the Echo service, and of its request if there is one. */
  call(streamId: number, method: string, request?: Uint8Array): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const FrameType = { data: 0, headers: 1, settings: 4, windowUpdate: 8 } as const;
const END_HEADERS = 4;
const END_STREAM = 1;
const INITIAL_WINDOW_SIZE = 4;

export function dataFrame(streamId: number, payload: Uint8Array, flags = 0): Buffer {
  return httpFrame(FrameType.data, streamId, payload, flags);
}

export function connectUnread(port: number): UnreadSocket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const window = Buffer.from([0, INITIAL_WINDOW_SIZE, 0x7f, 0xff, 0xff, 0xff]);
  socket.write(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
  socket.write(httpFrame(FrameType.settings, 0, window));
  socket.write(httpFrame(FrameType.windowUpdate, 0, Buffer.from([0x7f, 0, 0, 0])));
  return {
    socket,
    call(streamId, method, request) {
      const headers = httpFrame(FrameType.headers, streamId, headerBlock(`/leat.test.Echo/${method}`), END_HEADERS);
      const data = request === undefined ? [] : [dataFrame(streamId, frame(request), END_STREAM)];
      socket.write(Buffer.concat([headers, ...data]));
    },
    async [Symbol.asyncDispose]() {
      if (socket.closed) return;
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.destroy();
      await closed;
    },
  };
}

function httpFrame(type: number, streamId: number, payload: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** Without compression (RFC 7541, section 6.2.2). */
function headerBlock(path: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const field = (name: string, value: string) => Buffer.concat([Buffer.from([0]), text(name), text(value)]);
  const postOverHttp = Buffer.from([0x83, 0x86]);
  return Buffer.concat([
    postOverHttp,
    field(':path', path),
    field(':authority', 'localhost'),
    field('content-type', 'application/grpc'),
  ]);
}

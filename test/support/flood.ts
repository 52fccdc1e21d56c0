import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { frame } from './raw-http2.js';

/** An attack over plain sockets, which costs its client next to nothing. */
export interface Flood {
  /** HTTP/2 frames of one type that the server sent, all connections together. */
  received(type: number): number;
  /** Connections that the server closed. */
  closed(): number;
  /** Leaves: cuts all connections, without a word of HTTP/2. */
  leave(): Promise<void>;
}

export interface FloodOptions {
  readonly connections: number;
  readonly callsEach: number;
  readonly path: string;
  /** Sent in each call, which is then half-closed. Default: nothing but the headers. */
  readonly message?: Uint8Array;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const Type = { data: 0, headers: 1, settings: 4 } as const;
const Flag = { endStream: 1, endHeaders: 4 } as const;

/** Opens all calls at once. Resolves when they are on the way. */
export async function startFlood(
  port: number,
  { connections, callsEach, path, message }: FloodOptions,
): Promise<Flood> {
  const block = headerBlock(path);
  const calls: Buffer[] = [];
  for (let i = 0; i < callsEach; i++) {
    const id = 2 * i + 1;
    calls.push(http2Frame(Type.headers, Flag.endHeaders, id, block));
    if (message) calls.push(http2Frame(Type.data, Flag.endStream, id, frame(message)));
  }
  const bytes = Buffer.concat([PREFACE, http2Frame(Type.settings, 0, 0, Buffer.alloc(0)), ...calls]);
  const counts = new Map<number, number>();
  let closed = 0;
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).on('close', () => closed++);
    countFrames(socket, counts);
    socket.write(bytes);
    return socket;
  });
  return {
    received: (type) => counts.get(type) ?? 0,
    closed: () => closed,
    leave: async () => {
      await Promise.all(sockets.map(leave));
    },
  };
}

async function leave(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const gone = once(socket, 'close');
  socket.destroy();
  await gone;
}

function countFrames(socket: Socket, counts: Map<number, number>): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length >= at + 9 && rest.length >= at + 9 + rest.readUIntBE(at, 3)) {
      const type = rest.readUInt8(at + 3);
      counts.set(type, (counts.get(type) ?? 0) + 1);
      at += 9 + rest.readUIntBE(at, 3);
    }
    rest = rest.subarray(at);
  });
}

export function http2Frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The headers of a gRPC call, without compression. */
function headerBlock(path: string): Buffer {
  const field = (name: string, value: string) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
  const postOverHttp = Buffer.from([0x83, 0x86]);
  return Buffer.concat([
    postOverHttp,
    field(':path', path),
    field(':authority', 'localhost'),
    field('content-type', 'application/grpc'),
  ]);
}

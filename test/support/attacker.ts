import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** One byte each, as RFC 9113 has them. */
export const FrameType = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, goaway: 7, window: 8 };
const END_HEADERS = 4;
const ACK = 1;
const INITIAL_WINDOW_SETTING = 4;
const DEFAULT_WINDOW = 65_535;

export function http2Frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A connection that writes its HTTP/2 frames by hand and keeps to flow control. Never reads responses. */
export interface Attacker {
  readonly socket: Socket;
  /** Frames received, by type. */
  readonly received: Readonly<Record<number, number>>;
  /** The error code of the GOAWAY that came; undefined if none did. */
  readonly goaway: number | undefined;
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
  /** Begins a call; resolves with the number of its stream. */
  open(path: string, headers?: Readonly<Record<string, string>>): number;
  /**
   * Sends bytes to a call in DATA frames of `frameBytes`, as far as its windows allow; resolves when all is written, or
   * the connection is closed.
   */
  send(stream: number, bytes: Uint8Array, frameBytes?: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface AttackerOptions {
  /** Acknowledges the settings of the server. Default: true. */
  readonly acknowledges?: boolean;
}

export async function connectAttacker(port: number, { acknowledges = true }: AttackerOptions = {}): Promise<Attacker> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined); // The server may cut it.
  await once(socket, 'connect');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const received: Record<number, number> = {};
  const windows = new Map<number, number>([[0, DEFAULT_WINDOW]]);
  const waiters = new Set<() => void>();
  let initialWindow = DEFAULT_WINDOW;
  let goaway: number | undefined;
  let lastStream = -1;
  let isClosed = false;
  const wakeAll = () => {
    const woken = [...waiters];
    waiters.clear(); // Who has to wait on adds itself again.
    woken.forEach((wake) => wake());
  };
  void closed.then(() => {
    isClosed = true;
    wakeAll();
  });

  function take(type: number, flags: number, stream: number, payload: Buffer): void {
    received[type] = (received[type] ?? 0) + 1;
    if (type === FrameType.goaway) goaway = payload.readUInt32BE(4);
    if (type === FrameType.window) windows.set(stream, (windows.get(stream) ?? 0) + payload.readUInt32BE(0));
    if (type === FrameType.settings && !(flags & ACK) && acknowledges) takeSettings(payload);
    if (type === FrameType.window || type === FrameType.settings) wakeAll();
  }

  function takeSettings(payload: Buffer): void {
    for (let at = 0; at < payload.byteLength; at += 6) {
      if (payload.readUInt16BE(at) !== INITIAL_WINDOW_SETTING) continue;
      const size = payload.readUInt32BE(at + 2);
      for (const [id, window] of windows) if (id !== 0) windows.set(id, window + size - initialWindow);
      initialWindow = size;
    }
    socket.write(http2Frame(FrameType.settings, ACK, 0, Buffer.alloc(0)));
  }

  let unread = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    unread = Buffer.concat([unread, data]);
    while (unread.byteLength >= 9) {
      const length = unread.readUIntBE(0, 3);
      if (unread.byteLength < 9 + length) return;
      take(unread.readUInt8(3), unread.readUInt8(4), unread.readUInt32BE(5), unread.subarray(9, 9 + length));
      unread = unread.subarray(9 + length);
    }
  });

  const isSettled = new Promise<void>((resolve) => waiters.add(resolve));
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(http2Frame(FrameType.settings, 0, 0, Buffer.alloc(0)));
  await isSettled;

  async function send(stream: number, bytes: Uint8Array, frameBytes = 16_384): Promise<void> {
    for (let at = 0; at < bytes.byteLength && !isClosed;) {
      const open = Math.min(windows.get(0) ?? 0, windows.get(stream) ?? 0, bytes.byteLength - at, 16_384);
      if (open <= 0) {
        await new Promise<void>((resolve) => waiters.add(resolve));
        continue;
      }
      windows.set(0, (windows.get(0) ?? 0) - open);
      windows.set(stream, (windows.get(stream) ?? 0) - open);
      const isWritten = socket.write(dataFrames(stream, bytes.subarray(at, at + open), frameBytes));
      at += open;
      if (!isWritten) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
    }
  }

  return {
    socket,
    received,
    get goaway() {
      return goaway;
    },
    closed,
    open(path, headers = {}) {
      lastStream += 2;
      windows.set(lastStream, initialWindow);
      const fields = {
        ':method': 'POST',
        ':scheme': 'http',
        ':authority': 'localhost',
        ':path': path,
        te: 'trailers',
        ...headers,
      };
      const block = Object.entries({ ...fields, 'content-type': 'application/grpc' }).map(literal);
      socket.write(http2Frame(FrameType.headers, END_HEADERS, lastStream, Buffer.concat(block)));
      return lastStream;
    },
    send,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await closed;
    },
  };
}

function dataFrames(stream: number, bytes: Uint8Array, frameBytes: number): Buffer {
  const count = Math.ceil(bytes.byteLength / frameBytes);
  const frames = Buffer.alloc(bytes.byteLength + 9 * count);
  for (let index = 0, at = 0; index < count; index++) {
    const from = index * frameBytes;
    const length = Math.min(frameBytes, bytes.byteLength - from);
    frames.writeUIntBE(length, at, 3);
    frames.writeUInt32BE(stream, at + 5);
    // A view of a single byte would cost more than the byte.
    if (length === 1) frames[at + 9] = bytes[from] ?? 0;
    else frames.set(bytes.subarray(from, from + length), at + 9);
    at += 9 + length;
  }
  return frames;
}

/** HPACK: a literal field without indexing and without Huffman. */
function literal([name, value]: readonly [string, string]): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.byteLength >= 127) throw new Error('too long for this encoder');
  return Buffer.concat([Buffer.from([bytes.byteLength]), bytes]);
}

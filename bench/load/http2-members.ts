import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { chatFrame, openingFrames } from './chat-frames.js';
import { type Members, textOf } from './members.js';
import { createReceiver } from './received.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const HEAD_BYTES = 9;
const [DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE] = [0, 1, 4, 6, 8];
const ACK = 1;
const END_HEADERS = 4;
/** ChatResponse.messages and RoomMessages.records. */
const [MESSAGES_TAG, RECORDS_TAG] = [0x12, 0x0a];
const GRPC_BYTES = 5;

/**
 * Members of a room over Chat, on HTTP/2 written by hand, so that what takes time is the server: windows that never
 * close, and messages that are counted, not decoded.
 */
export async function openHttp2Members(port: number, count: number, connections: number): Promise<Members> {
  const room = 'bench/fanout';
  const sockets: Socket[] = [];
  let received = 0;
  let ready = 0;
  let said = 0;
  const members: Members = {
    get received() {
      return received;
    },
    onReceived: () => undefined,
    say(messages) {
      const frames: Buffer[] = [];
      for (let index = 0; index < messages; index++) {
        const message = { id: `m-${said}`, payload: { $case: 'text' as const, value: textOf(said++) } };
        frames.push(chatFrame({ $case: 'send', value: { room, message } }));
      }
      sockets[0]?.write(http2Frame(DATA, 0, 1, Buffer.concat(frames)));
    },
    close: () => sockets.forEach((socket) => socket.destroy()),
  };

  async function open(first: number, streams: number): Promise<void> {
    const socket = connect(port, '127.0.0.1').setNoDelay();
    await once(socket, 'connect');
    sockets.push(socket);
    const rests = new Map<number, Buffer>();
    socket.on('error', () => undefined);
    socket.on(
      'data',
      createReceiver((bytes) => takeFrames(socket, rests, bytes)),
    );
    socket.write(Buffer.concat([PREFACE, openWindows()]));
    for (let index = 0; index < streams; index++) {
      const stream = 1 + 2 * index;
      socket.write(http2Frame(HEADERS, END_HEADERS, stream, requestHeaders()));
      socket.write(http2Frame(DATA, 0, stream, openingFrames(`${first + index}`, room)));
    }
  }

  function takeFrames(socket: Socket, rests: Map<number, Buffer>, bytes: Buffer): number {
    let at = 0;
    const before = received;
    while (bytes.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const [type, flags] = [bytes[at + 3], bytes[at + 4] ?? 0];
      if (type === DATA) takeData(rests, bytes.readUInt32BE(at + 5), bytes.subarray(at + HEAD_BYTES, end));
      else if (type === SETTINGS && (flags & ACK) === 0) socket.write(http2Frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
      else if (type === PING && (flags & ACK) === 0)
        socket.write(http2Frame(PING, ACK, 0, bytes.subarray(at + HEAD_BYTES, end)));
      at = end;
    }
    if (received > before) members.onReceived();
    return at;
  }

  /** Messages that are larger than a DATA frame are joined; those that count are not. */
  function takeData(rests: Map<number, Buffer>, stream: number, data: Buffer): void {
    const rest = rests.get(stream);
    const bytes = rest ? Buffer.concat([rest, data]) : data;
    const taken = countRecords(bytes);
    if (taken < bytes.length) rests.set(stream, Buffer.from(bytes.subarray(taken)));
    else if (rest) rests.delete(stream);
  }

  function countRecords(bytes: Buffer): number {
    let at = 0;
    while (bytes.length - at >= GRPC_BYTES) {
      const start = at + GRPC_BYTES;
      const end = start + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      if (bytes[start] === MESSAGES_TAG) {
        const count = countRuns(bytes, skipVarint(bytes, start + 1), end);
        if (count === 0) ready++;
        received += count;
      }
      at = end;
    }
    return at;
  }

  const each = Math.ceil(count / connections);
  for (let first = 0; first < count; first += each) await open(first, Math.min(each, count - first));
  // Each is live when it was told so, in a page without messages.
  while (ready < count) await new Promise((resolve) => setTimeout(resolve, 20));
  return members;
}

function countRuns(bytes: Buffer, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end && bytes[at] === RECORDS_TAG; count++) {
    let [length, shift] = [0, 0];
    at++;
    for (;;) {
      const byte = bytes[at++] ?? 0;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
      shift += 7;
    }
    at += length;
  }
  return count;
}

function skipVarint(bytes: Buffer, start: number): number {
  let at = start;
  while ((bytes[at++] ?? 0) >= 0x80);
  return at;
}

function http2Frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Windows of 2 GiB, of the connection and of every stream. */
function openWindows(): Buffer {
  const INITIAL_WINDOW_SIZE = 4;
  const setting = Buffer.alloc(6);
  setting.writeUInt16BE(INITIAL_WINDOW_SIZE, 0);
  setting.writeUInt32BE(2 ** 31 - 1, 2);
  const update = Buffer.alloc(4);
  update.writeUInt32BE(2 ** 31 - 1 - 65_535, 0);
  return Buffer.concat([http2Frame(SETTINGS, 0, 0, setting), http2Frame(WINDOW_UPDATE, 0, 0, update)]);
}

/** HPACK's literals without indexing (RFC 7541, 6.2.2). */
function requestHeaders(): Buffer {
  const fields = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/leat.v1.ChatService/Chat',
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { type Members, textOf } from './members.js';
import { createReceiver } from './received.js';

/** How one speaks over WebSocket: plainly, or as Socket.IO. */
export interface WebSocketDialect {
  readonly path: string;
  /** What a member is told when it is in the room. */
  readonly isReady: (text: Buffer) => boolean;
  readonly isMessage: (text: Buffer) => boolean;
  readonly say: (text: string) => string;
  /** What has to be answered at once, and with what. */
  readonly answer?: (text: Buffer) => string | undefined;
}

export const plainDialect: WebSocketDialect = {
  path: '/',
  isReady: (text) => text[0] === 0x72, // "ready"
  isMessage: (text) => text[0] === 0x6d, // "m…"
  say: (text) => `m${text}`,
};

const answers: readonly (readonly [begin: string, answer: string])[] = [
  ['0', '40'],
  ['40', '42["join"]'],
  ['2', '3'],
];

/** https://socket.io/docs/v4/socket-io-protocol: 0 opens, 40 connects, 42 is an event, 2 and 3 are ping and pong. */
export const socketIoDialect: WebSocketDialect = {
  path: '/socket.io/?EIO=4&transport=websocket',
  isReady: (text) => text.subarray(0, 10).equals(Buffer.from('42["ready"')),
  isMessage: (text) => text.subarray(0, 5).equals(Buffer.from('42["m')),
  say: (text) => `42["m","${text}"]`,
  answer: (text) => answers.find(([begin]) => text.subarray(0, begin.length).equals(Buffer.from(begin)))?.[1],
};

/**
 * Members of a room over WebSocket, a connection each, written by hand as those over HTTP/2 are, so that what takes
 * time is the server.
 */
export async function openWebSocketMembers(port: number, count: number, dialect: WebSocketDialect): Promise<Members> {
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
      const frames = Array.from({ length: messages }, () => clientFrame(dialect.say(textOf(said++))));
      sockets[0]?.write(Buffer.concat(frames));
    },
    close: () => sockets.forEach((socket) => socket.destroy()),
  };

  async function open(): Promise<void> {
    const socket = connect(port, '127.0.0.1').setNoDelay();
    await once(socket, 'connect');
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(upgrade(dialect.path));
    let isOpen = false;
    const onData = createReceiver((bytes) => {
      const start = isOpen ? 0 : bytes.indexOf('\r\n\r\n') + 4;
      if (start === 3) return 0;
      isOpen = true;
      return takeFrames(socket, bytes, start);
    });
    socket.on('data', onData);
  }

  function takeFrames(socket: Socket, bytes: Buffer, from: number): number {
    let at = from;
    const before = received;
    for (;;) {
      const short = (bytes[at + 1] ?? 0) & 0x7f;
      const head = short === 126 ? 4 : 2;
      if (bytes.length - at < head) break;
      const end = at + head + (short === 126 ? bytes.readUInt16BE(at + 2) : short);
      if (end > bytes.length) break;
      take(socket, bytes.subarray(at + head, end));
      at = end;
    }
    if (received > before) members.onReceived();
    return at;
  }

  function take(socket: Socket, text: Buffer): void {
    if (dialect.isMessage(text)) return void received++;
    if (dialect.isReady(text)) ready++;
    const answer = dialect.answer?.(text);
    if (answer !== undefined) socket.write(clientFrame(answer));
  }

  for (let index = 0; index < count; index++) await open();
  while (ready < count) await new Promise((resolve) => setTimeout(resolve, 20));
  return members;
}

function upgrade(path: string): string {
  const fields = ['Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
  return [`GET ${path} HTTP/1.1`, ...fields, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''].join('\r\n');
}

/** A text frame (RFC 6455, 5.2), masked with zeros, which leaves the text as it is. */
function clientFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  if (payload.length > 125) throw new Error('longer than a short frame');
  return Buffer.concat([Buffer.of(0x81, 0x80 | payload.length, 0, 0, 0, 0), payload]);
}

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { until } from './until.js';

/** A TCP connection that sends what no HTTP client would. */
export interface TcpClient {
  readonly socket: Socket;
  /** What came so far; nothing while the connection is not read. */
  received(): string;
  /** Resolves when what came so far holds `text` so many times. */
  receives(text: string, times?: number): Promise<void>;
  /** Resolves when the connection is over, in whatever way. */
  readonly closed: Promise<unknown>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `isReading`: false for a client that never reads. */
export async function connectTcp(port: number, { isReading = true } = {}): Promise<TcpClient> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined); // Resets are part of the tests; what matters is that it is closed.
  let text = '';
  if (isReading) socket.setEncoding('latin1').on('data', (part: string) => (text += part));
  // The server has closed its side: this is the end of it.
  socket.once('end', () => socket.destroy());
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  return {
    socket,
    received: () => text,
    receives: (wanted, times = 1) => until(() => text.split(wanted).length > times),
    closed,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await closed;
    },
  };
}

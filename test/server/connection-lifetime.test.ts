import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { echoService } from '../support/echo-service.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { shortAge, twoPings } from '../support/short-age.js';
import { startTestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

/** Sends a message for each that the test asks for, for ever. */
function createPacedSender() {
  let wake: () => void = () => undefined;
  const service = echoService({
    async *download(_request, { signal }) {
      for (;;) {
        await new Promise<void>((resolve, reject) => {
          wake = resolve;
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        });
        yield { id: 'still here' };
      }
    },
  });
  return { service, send: () => wake() };
}

async function nextMessage(stream: ClientHttp2Stream, send: () => void): Promise<void> {
  const arrived = once(stream, 'data');
  send();
  await arrived;
}

const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const PING = Buffer.concat([Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0]), Buffer.alloc(8, 7)]);
const GOAWAY = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Calls Download over a plain socket, which does nothing by itself. */
function callDownload(port: number): Socket {
  const socket = connectTcp(port, '127.0.0.1');
  const path = '/leat.test.Echo/Download';
  const field = (name: string, value: string) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
  const block = Buffer.concat([
    Buffer.from([0x83, 0x86]), // :method: POST, :scheme: http
    field(':path', path),
    field(':authority', 'localhost'),
    field('content-type', 'application/grpc'),
  ]);
  const headers = Buffer.concat([Buffer.from([0, 0, block.length, 1, 4, 0, 0, 0, 1]), block]);
  const message = frame(new Uint8Array());
  const data = Buffer.concat([Buffer.from([0, 0, message.length, 0, 1, 0, 0, 0, 1]), message]);
  socket.write(Buffer.concat([PREFACE, headers, data]));
  return socket;
}

/** HTTP/2 frames of one type, as they arrive. */
function countFrames(socket: Socket) {
  const seen = new Map<number, number>();
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const type = rest.readUInt8(3);
      seen.set(type, (seen.get(type) ?? 0) + 1);
      rest = rest.subarray(9 + rest.readUIntBE(0, 3));
    }
  });
  return (type: number) => seen.get(type) ?? 0;
}

const FrameType = { data: 0, ping: 6, goaway: 7 } as const;

describe('a connection that is too old', () => {
  it('keeps its calls past the next keepalive pings', async () => {
    const { service, send } = createPacedSender();
    await using test = await startTestServer([service], shortAge);
    await using connection = await connectRaw(test.grpcPort);
    const { stream } = connection.call('/leat.test.Echo/Download');
    stream.end(frame(new Uint8Array()));
    await once(stream, 'response');
    await once(connection.session, 'goaway');
    await twoPings();
    await nextMessage(stream, send);
    expect(test.server.calls.size).toBe(1);
  });

  it('answers the pings of its client, and keeps its calls', async () => {
    const { service, send } = createPacedSender();
    // This client answers no pings: a keepalive would close the connection if it came just before the age.
    await using test = await startTestServer([service], { ...shortAge, 'keepalive-time': '1h' });
    const socket = callDownload(test.grpcPort);
    const frames = countFrames(socket);
    await until(() => frames(FrameType.goaway) > 0);
    const before = frames(FrameType.ping);
    for (let pings = 1; pings <= 3; pings++) {
      socket.write(PING);
      await until(() => frames(FrameType.ping) >= before + pings);
    }
    send();
    await until(() => frames(FrameType.data) > 0);
    expect(test.server.calls.size).toBe(1);
    socket.destroy();
    await test.idle();
  });

  it('is closed when its grace is over', async () => {
    const { service } = createPacedSender();
    await using test = await startTestServer([service], { ...shortAge, 'max-connection-age-grace': '1s' });
    const socket = callDownload(test.grpcPort);
    socket.resume();
    await once(socket, 'close');
    await test.idle();
    expect(test.log).toContainEqual(
      expect.objectContaining({ status: 'UNAVAILABLE', error: 'the server closed the connection: max-age' }),
    );
  });
});

describe('a connection whose client has sent GOAWAY', () => {
  it('keeps its calls past the next keepalive ping', async () => {
    const { service, send } = createPacedSender();
    await using test = await startTestServer([service], { 'keepalive-time': '1s', 'keepalive-timeout': '100ms' });
    const socket = callDownload(test.grpcPort);
    const frames = countFrames(socket);
    await until(() => test.server.calls.size === 1);
    socket.write(GOAWAY);
    await twoPings();
    send();
    await until(() => frames(FrameType.data) > 0);
    expect(test.server.calls.size).toBe(1);
    socket.destroy();
    await test.idle();
  });
});

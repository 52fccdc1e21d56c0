import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { createLeatClient, LeatError } from '../../src/client/index.js';
import { FrameType, http2Frame } from '../support/attacker.js';

const PREFACE_BYTES = 24;
const PUSH_PROMISE = 5;
const END_STREAM = 1;
const END_HEADERS = 4;
const OK = 0x88;

/** HPACK: literal fields without indexing and without Huffman. */
function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat(Object.entries(fields).map((field) => Buffer.concat([Buffer.from([0]), ...field.map(text)])));
}

/** A server that answers the header of each call with `answer`, and reads nothing else. */
async function startBrokenServer(answer: (stream: number) => Buffer) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(http2Frame(FrameType.settings, 0, 0, Buffer.alloc(0)));
    let unread = Buffer.alloc(0);
    let skipped = PREFACE_BYTES;
    socket.on('data', (data: Buffer) => {
      unread = Buffer.concat([unread, data]);
      while (unread.length >= skipped + 9 && unread.length >= skipped + 9 + unread.readUIntBE(skipped, 3)) {
        const type = unread.readUInt8(skipped + 3);
        if (type === FrameType.headers) socket.write(answer(unread.readUInt32BE(skipped + 5)));
        unread = unread.subarray(skipped + 9 + unread.readUIntBE(skipped, 3));
        skipped = 0;
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function failureOf(answer: (stream: number) => Buffer): Promise<unknown> {
  await using server = await startBrokenServer(answer);
  const client = createLeatClient({ address: server.address, maxAttempts: 1 });
  const failure: unknown = await client.events.listTopics({}, { timeoutMs: 5_000 }).catch((error: unknown) => error);
  await client.close();
  return failure;
}

describe('a client whose server violates its protocol', () => {
  it('survives a server that pushes', async () => {
    const promised = Buffer.concat([
      Buffer.from([0, 0, 0, 2]),
      headerBlock({ ':method': 'GET', ':scheme': 'http', ':authority': 'x', ':path': '/' }),
    ]);
    // The same stream twice is a protocol error, which fails the first of them.
    const failure = await failureOf((stream) => {
      const push = http2Frame(PUSH_PROMISE, END_HEADERS, stream, promised);
      return Buffer.concat([push, push]);
    });
    expect(failure).toBeInstanceOf(LeatError);
  });

  it('fails with UNKNOWN when the status is no number', async () => {
    const fields = headerBlock({ 'content-type': 'application/grpc', 'grpc-status': 'abc' });
    const block = Buffer.concat([Buffer.from([OK]), fields]);
    const failure = await failureOf((stream) => http2Frame(FrameType.headers, END_STREAM | END_HEADERS, stream, block));
    expect(failure).toMatchObject({ name: 'LeatError', code: Status.UNKNOWN });
  });

  it('fails with INTERNAL when a response has an encoding that it does not know', async () => {
    const fields = headerBlock({ 'content-type': 'application/grpc', 'grpc-encoding': 'zstd' });
    const block = Buffer.concat([Buffer.from([OK]), fields]);
    const compressed = Buffer.from([1, 0, 0, 0, 1, 0]);
    const trailer = headerBlock({ 'grpc-status': '0' });
    const failure = await failureOf((stream) =>
      Buffer.concat([
        http2Frame(FrameType.headers, END_HEADERS, stream, block),
        http2Frame(FrameType.data, 0, stream, compressed),
        http2Frame(FrameType.headers, END_STREAM | END_HEADERS, stream, trailer),
      ]),
    );
    expect(failure).toMatchObject({
      name: 'LeatError',
      code: Status.INTERNAL,
      message: expect.stringContaining('unknown encoding'),
    });
  });
});

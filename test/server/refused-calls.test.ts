import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { connectRaw, frame, type RawConnection } from '../support/raw-http2.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const methods = Object.values(EchoDefinition.methods).map(({ name }) => `/leat.test.Echo/${name}`);
const message = frame(Buffer.from([0x0a, 1, 0x61]));

let test: TestServer;
let raw: RawConnection;

beforeAll(async () => {
  test = await startTestServer([echoService()]);
  raw = await connectRaw(test.grpcPort);
});

afterAll(async () => {
  await raw[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

async function answer(path: string, chunks: readonly Buffer[], headers: Record<string, string | string[]> = {}) {
  const { stream, ended } = raw.call(path, { headers });
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return ended;
}

const refused: readonly (readonly [
  what: string,
  chunks: readonly Buffer[],
  headers: Record<string, string>,
  code: Status,
  reason: string,
  words: string,
])[] = [
  ['bytes that are no message', [frame(Buffer.alloc(3, 0xff))], {}, 3, 'MALFORMED_MESSAGE', 'premature EOF'],
  ['a string that is not UTF-8', [frame(Buffer.from([10, 1, 0xff]))], {}, 3, 'MALFORMED_MESSAGE', 'not valid UTF-8'],
  ['a message cut off', [frame(Buffer.from([10]), { length: 9 })], {}, 3, 'MALFORMED_MESSAGE', 'in the middle'],
  ['a frame header cut off', [Buffer.from([0, 0])], {}, 3, 'MALFORMED_MESSAGE', 'in the middle'],
  ['a message that is too large', [frame(Buffer.alloc(9), { length: 5e6 })], {}, 8, 'MESSAGE_TOO_LARGE', '2097152'],
  [
    'a message that is too large when decompressed',
    [frame(gzipSync(Buffer.alloc(5e6)), { flag: 1 })],
    { 'grpc-encoding': 'gzip' },
    8,
    'MESSAGE_TOO_LARGE',
    'decompresses',
  ],
  [
    'a message that is not compressed as it says',
    [frame(Buffer.alloc(9), { flag: 1 })],
    { 'grpc-encoding': 'gzip' },
    3,
    'MALFORMED_MESSAGE',
    'grpc-encoding',
  ],
  [
    'a compression that is not known',
    [frame(Buffer.alloc(9), { flag: 1 })],
    { 'grpc-encoding': 'zstd' },
    12,
    'UNKNOWN_ENCODING',
    'zstd',
  ],
  ['a deadline that cannot be read', [message], { 'grpc-timeout': 'soon' }, 3, 'MALFORMED_DEADLINE', '"soon"'],
  ['metadata that is too large', [message], { 'x-much': 'x'.repeat(20_000) }, 8, 'METADATA_TOO_LARGE', '16384'],
  ['a name that is too long', [message], { 'leat-user': 'x'.repeat(129) }, 3, 'INVALID_CALLER', '128 characters'],
];

describe.each(methods)('%s', (path) => {
  it.each(refused)('refuses %s', async (_, chunks, headers, code, reason, words) => {
    const end = await answer(path, chunks, headers);
    expect(end).toMatchObject({ status: code, reason, reset: 0, message: expect.stringContaining(words) });
    await expect(answer(path, [message])).resolves.toMatchObject({ status: 0 });
  });

  it('reads a message that is compressed', async () => {
    const compressed = frame(gzipSync(Buffer.from([0x0a, 1, 0x61])), { flag: 1 });
    await expect(answer(path, [compressed], { 'grpc-encoding': 'gzip' })).resolves.toMatchObject({ status: 0 });
  });

  it('takes a deadline that is far away', async () => {
    await expect(answer(path, [message], { 'grpc-timeout': '600H' })).resolves.toMatchObject({ status: 0 });
  });

  it('keeps its own headers to itself', async () => {
    await expect(answer(path, [message], { 'leat-internal-call': '1' })).resolves.toMatchObject({ status: 0 });
  });
});

describe.each(['Unary', 'Download'])('a request of %s', (name) => {
  it.each([
    ['no message', []],
    ['two messages', [message, message]],
  ])('is not %s', async (_, chunks) => {
    const end = await answer(`/leat.test.Echo/${name}`, chunks);
    expect(end).toMatchObject({
      status: Status.INVALID_ARGUMENT,
      message: expect.stringContaining('send one message'),
    });
    expect(end.message).not.toContain('server streaming');
  });
});

describe('a server', () => {
  it('does not know every method', async () => {
    await expect(answer('/leat.test.Echo/Shout', [message])).resolves.toMatchObject({ status: Status.UNIMPLEMENTED });
  });

  it('speaks gRPC only', async () => {
    const end = await answer('/leat.test.Echo/Unary', [], { 'content-type': 'text/html' });
    expect(end).toMatchObject({ httpStatus: 415 });
  });

  it('resets a call with more header fields than it reads', async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x-${i}`, 'v']));
    await expect(answer('/leat.test.Echo/Unary', [message], many)).resolves.toMatchObject({ reset: 11 });
  });

  it('writes one line for every call that reached a service', async () => {
    await test.idle();
    const before = test.log.length;
    await answer('/leat.test.Echo/Unary', [frame(Buffer.alloc(9), { length: 5e6 })], { 'leat-user': 'ada' });
    await test.idle();
    expect(test.log.slice(before).filter(({ method }) => method !== undefined)).toEqual([
      expect.objectContaining({ level: 'warn', status: 'RESOURCE_EXHAUSTED', method: '/leat.test.Echo/Unary' }),
    ]);
  });
});

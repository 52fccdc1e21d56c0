import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnServer, type ChildServer } from '../support/child-server.js';
import { framesOfEveryKind, helloFrame } from '../support/chat-frames.js';
import { createRandom } from '../support/random.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';
import { rpcs } from './leat-rig.js';

/** Inputs of each kind. The longer form: `LEAT_FUZZ_RUNS=10000`; repeat what was found with `LEAT_FUZZ_SEED`. */
const RUNS = Number(process.env.LEAT_FUZZ_RUNS ?? 100);
const SEED = Number(process.env.LEAT_FUZZ_SEED ?? Date.now() % 2 ** 31);

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const random = createRandom(SEED);
const below = (max: number) => Math.floor(random() * max);
const randomBytes = (length: number) => Buffer.from(Array.from({ length }, () => below(256)));

function pick<T>(values: readonly T[]): T {
  const value = values[below(values.length)];
  if (value === undefined) throw new Error('nothing to pick from');
  return value;
}

/** Some bytes changed, cut out, doubled or put in. */
function mutated(bytes: Buffer): Buffer {
  const at = below(bytes.length);
  const end = at + below(bytes.length - at);
  const changed = Buffer.from(bytes);
  changed[at] = below(256);
  return pick([
    changed,
    Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]),
    Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]),
    Buffer.concat([bytes.subarray(0, at), randomBytes(1 + below(20)), bytes.subarray(at)]),
  ]);
}

function http2Frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const SETTINGS = http2Frame(4, 0, 0, Buffer.alloc(0));
const TLS_HELLO = Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), Buffer.alloc(194, 0x5a)]);

/** What a whole connection says. */
const conversations: Readonly<Record<string, () => Buffer>> = {
  'random bytes': () => randomBytes(1 + below(2_000)),
  'random bytes behind a good preface': () => Buffer.concat([PREFACE, SETTINGS, randomBytes(1 + below(500))]),
  'random HTTP/2 frames': () =>
    Buffer.concat([
      PREFACE,
      SETTINGS,
      ...Array.from({ length: 1 + below(10) }, () =>
        http2Frame(below(12), below(256), below(6), randomBytes(below(100))),
      ),
    ]),
  'broken HPACK': () => Buffer.concat([PREFACE, SETTINGS, http2Frame(1, 4, 1, randomBytes(1 + below(60)))]),
  'plain HTTP/1': () => Buffer.from(`POST ${pick(rpcs).path} HTTP/1.1\r\nhost: leat\r\ncontent-length: 5\r\n\r\nhello`),
  'broken HTTP/1': () => mutated(Buffer.from('GET /metrics HTTP/1.1\r\nhost: leat\r\ncontent-length: -1\r\n\r\n')),
  'the hello of TLS': () => (below(2) === 0 ? TLS_HELLO : mutated(TLS_HELLO)),
};

/** Sends, half-closes, and resolves when the server has closed the connection: at the latest by keepalive. */
async function converse(port: number, bytes: Buffer): Promise<void> {
  const socket = connectTcp(port, '127.0.0.1').resume();
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  socket.end(bytes);
  await closed;
}

/** A few hundred at a time. */
async function converseOften(port: number, make: () => Buffer): Promise<void> {
  for (let run = 0; run < RUNS; run += 200) {
    const count = Math.min(200, RUNS - run);
    await Promise.all(Array.from({ length: count }, () => converse(port, make())));
  }
}

/** What one call on a good connection says, and its header fields. */
const calls: Readonly<Record<string, () => { path?: string; headers?: Record<string, string>; bytes: Buffer }>> = {
  'a mutated frame': () => ({ bytes: mutated(pick(rpcs).message) }),
  'a mutated message in a good frame': () => ({ bytes: frame(mutated(pick(rpcs).message.subarray(5))) }),
  'random bytes in a good frame': () => ({ bytes: frame(randomBytes(below(300))) }),
  'random bytes': () => ({ bytes: randomBytes(below(300)) }),
  'a wrong compression flag': () => ({ bytes: frame(pick(rpcs).message.subarray(5), { flag: 1 + below(255) }) }),
  'gzip that is none': () => ({ headers: { 'grpc-encoding': 'gzip' }, bytes: frame(randomBytes(50), { flag: 1 }) }),
  'a huge length': () => ({ bytes: frame(randomBytes(20), { length: 2 ** 32 - 1 - below(1_000) }) }),
  'an unknown method': () => ({ path: `/leat.v1.EventService/${below(1e9)}`, bytes: frame(Buffer.alloc(0)) }),
  'a path that is none': () => ({
    path: `/${'/?#;='.slice(below(5)).repeat(below(50))}`,
    bytes: frame(Buffer.alloc(0)),
  }),
  'a wrong content type': () => ({ headers: { 'content-type': 'text/html' }, bytes: pick(rpcs).message }),
  'a broken timeout': () => ({
    headers: { 'grpc-timeout': `${below(1e9)}${pick(['x', '', 'S', 'H', 'n'])}` },
    bytes: pick(rpcs).message,
  }),
  'a conversation some frames of which are broken': () => {
    const frames = framesOfEveryKind('fuzz').concat(framesOfEveryKind('fuzz'));
    const said = Array.from({ length: 1 + below(20) }, () => pick(frames));
    const broken = said.map((one) => (below(4) === 0 ? frame(mutated(one.subarray(5))) : one));
    return { path: '/leat.v1.ChatService/Chat', bytes: Buffer.concat([helloFrame(), ...broken]) };
  },
  'many messages': () => ({ bytes: Buffer.concat(Array.from({ length: 5 }, () => pick(rpcs).message)) }),
};

describe(`input that is none (seed ${SEED})`, () => {
  let dir: TempDir;
  let server: ChildServer;

  beforeAll(async () => {
    dir = await makeTempDir();
    server = spawnServer({
      'data-dir': dir.path,
      'keepalive-time': '1s',
      'keepalive-timeout': '100ms',
      'http-timeout': '1s',
    });
    await server.serving;
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await dir?.[Symbol.asyncDispose]();
  });

  /** The process lives, both ports serve, and nothing was thrown past them. */
  async function checkServing(): Promise<void> {
    const { events, users } = await server.connect();
    await users.listUsers({});
    await events.publishEvent({ topic: 'good', event: { type: 't' } });
    const { httpPort } = await server.serving;
    expect(await (await fetch(`http://127.0.0.1:${httpPort}/healthz`)).text()).toBe('ok\n');
    expect(server.errors()).toBe('');
    expect(server.lines.filter(({ status }) => status === 'INTERNAL' || status === 'UNKNOWN')).toEqual([]);
  }

  it.each(Object.entries(conversations))('on the gRPC port: %s', async (_, make) => {
    const { grpcPort } = await server.serving;
    await converseOften(grpcPort, make);
    await checkServing();
  });

  it.each(Object.entries(conversations))('on the HTTP port: %s', async (_, make) => {
    const { httpPort } = await server.serving;
    await converseOften(httpPort, make);
    await checkServing();
  });

  it.each(Object.entries(calls))('in a call: %s', async (_, make) => {
    await using connection = await connectRaw((await server.serving).grpcPort);
    for (let run = 0; run < RUNS; run++) {
      const { path = pick(rpcs).path, headers, bytes } = make();
      const { stream, ended } = connection.call(path, { headers });
      stream.end(bytes);
      // A tail that was understood goes on; it ends with the client.
      stream.on('data', () => stream.close(8));
      const { status, httpStatus, reset } = await ended;
      expect(status !== undefined || reset !== 0 || httpStatus !== 200).toBe(true);
    }
    await checkServing();
  });
});

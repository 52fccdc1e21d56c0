import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildServer, spawnServer } from '../support/child-server.js';
import { hostileMessages } from '../support/hostile-messages.js';
import { createRandom } from '../support/random.js';
import { connectRaw, frame, type RawConnection } from '../support/raw-http2.js';
import { servedMethods } from '../support/served-methods.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';
import { rpcs } from './leat-rig.js';

/** Repeat what was found with `LEAT_FUZZ_SEED`. */
const SEED = Number(process.env.LEAT_FUZZ_SEED ?? Date.now() % 2 ** 31);

/** From the server itself, so that no method is forgotten. */
const methods = await servedMethods();
const random = createRandom(SEED);
const messages = [
  ...hostileMessages((length) => Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))),
];

/** Calls on a connection at a time. */
const AT_ONCE = 20;
const CANCEL = 8;
/** Statuses that tell of a defect. */
const UNKNOWN = 2;
const INTERNAL = 13;

let dir: TempDir;
let server: ChildServer;

beforeAll(async () => {
  dir = await makeTempDir();
  server = spawnServer({ 'data-dir': dir.path }, ['--max-old-space-size=512']);
  await server.serving;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

/** What is wrong with the way in which the call ended; undefined if nothing is. */
async function send(connection: RawConnection, path: string, name: string, message: Buffer) {
  const { stream, ended } = connection.call(path);
  stream.end(frame(message));
  // A stream that was understood goes on, and ends with the client.
  stream.on('data', () => stream.close(CANCEL));
  const { status, reset } = await ended;
  const isBad = status === UNKNOWN || status === INTERNAL || (status === undefined && reset !== CANCEL);
  return isBad ? { name, status, reset } : undefined;
}

describe(`messages that are none (seed ${SEED})`, () => {
  it('go to every method, those of health and reflection included', () => {
    expect(methods).toEqual(
      expect.arrayContaining([
        ...rpcs.map(({ path }) => path),
        '/grpc.health.v1.Health/Check',
        '/grpc.health.v1.Health/List',
        '/grpc.health.v1.Health/Watch',
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
        '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
      ]),
    );
  });

  it.each(methods)('end the call and nothing else: %s', async (path) => {
    const { grpcPort, httpPort } = await server.serving;
    await using connection = await connectRaw(grpcPort);
    for (let first = 0; first < messages.length; first += AT_ONCE) {
      const batch = messages.slice(first, first + AT_ONCE);
      const problems = await Promise.all(batch.map(([name, message]) => send(connection, path, name, message)));
      expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    }
    const { users } = await server.connect();
    await users.listUsers({});
    expect(await (await fetch(`http://127.0.0.1:${httpPort}/healthz`)).text()).toBe('ok\n');
    expect(server.errors()).toBe('');
  });
});

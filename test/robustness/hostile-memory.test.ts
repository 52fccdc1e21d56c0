import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Attacker, connectAttacker, FrameType, http2Frame } from '../support/attacker.js';
import {
  type HostileServer,
  MAX_RECOVERY_MS,
  MAX_RESIDENT_BYTES,
  startHostileServer,
} from '../support/hostile-server.js';
import { inForm, isLong } from '../support/long-form.js';
import { frame } from '../support/raw-http2.js';

/** Probes during an attack. After it fewer are enough: a server that was hit fails the first ones. */
const PROBES = 20;
const PROBES_AFTER = inForm(5, 20);
const MiB = 1024 * 1024;
const MAX_MESSAGE = 2 * MiB;
/** After the attack the process holds at most so much more than before it. */
const MAX_LEFT_BYTES = 192 * MiB;

let server: HostileServer;
let attacker: Attacker;
let before: number;

beforeEach(async () => {
  server = await startHostileServer({ 'max-concurrent-streams': 10_000 });
  expect(await server.probe(1)).toBe(1);
  before = server.residentBytes();
  attacker = await connectAttacker(server.ports.grpcPort);
  attacker.socket.setMaxListeners(0);
}, 60_000);

afterEach(async () => {
  await attacker[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Others are served while `attack` goes on and after it, and the memory is given back. */
async function survives(start: () => Promise<unknown>): Promise<void> {
  const attackAndProbe = async () => {
    const attack = start();
    await expectProbesToSucceed();
    // Some attacks never end: flow control holds them up.
    await Promise.race([attack, attacker.closed, server.probe(PROBES)]);
    await expectProbesToSucceed(PROBES_AFTER);
  };
  await server.whileCalled(attackAndProbe);
  expect(server.maxResidentBytes()).toBeLessThan(MAX_RESIDENT_BYTES);
  await attacker[Symbol.asyncDispose]();
  const recoveryMs = await server.recovers(() => server.residentBytes() < before + MAX_LEFT_BYTES);
  if (isLong) expect(recoveryMs).toBeLessThan(MAX_RECOVERY_MS);
  await expectProbesToSucceed(PROBES_AFTER);
}

async function expectProbesToSucceed(count = PROBES): Promise<void> {
  const succeeded = await server.probe(count);
  expect([succeeded, server.probeErrors]).toEqual([count, []]);
}

/** Sends the same bytes on many calls at once. */
function flood(
  path: string,
  calls: number,
  bytes: Uint8Array,
  options: { frameBytes?: number; encoding?: string } = {},
) {
  const { frameBytes, encoding = 'identity' } = options;
  const send = () => attacker.send(attacker.open(path, { 'grpc-encoding': encoding }), bytes, frameBytes);
  return Promise.all(Array.from({ length: calls }, send));
}

describe.each(['/leat.v1.EventService/PublishEvents', '/leat.v1.UserService/CreateUser', '/leat.v1.ChatService/Chat'])(
  'a server that is attacked at %s',
  (path) => {
    it('survives small messages that become large when decompressed', async () => {
      const bomb = frame(gzipSync(Buffer.alloc(MAX_MESSAGE)), { flag: 1 });
      await survives(() => flood(path, inForm(500, 4_000), bomb, { encoding: 'gzip' }));
    }, 120_000);

    it('survives messages that are sent byte by byte and never end', async () => {
      const part = frame(Buffer.alloc(inForm(16_000, 200_000)), { length: MAX_MESSAGE });
      await survives(() => flood(path, 50, part, { frameBytes: 1 }));
    }, 120_000);

    it('survives frames full of empty messages', async () => {
      await survives(() => flood(path, 500, Buffer.alloc(16_000)));
    }, 120_000);
  },
);

describe('a server', () => {
  it('survives complete messages of calls that never half-close', async () => {
    const message = frame(Buffer.alloc(MAX_MESSAGE - 5));
    await survives(() => flood('/leat.v1.UserService/CreateUser', inForm(400, 500), message));
  }, 120_000);

  it('survives a client that does not acknowledge smaller windows', async () => {
    await attacker[Symbol.asyncDispose]();
    attacker = await connectAttacker(server.ports.grpcPort, { acknowledges: false });
    attacker.socket.setMaxListeners(0);
    const calls = inForm(100, 500);
    await survives(() => flood('/leat.v1.UploadService/UploadChunks', calls, Buffer.alloc(60_000), { frameBytes: 1 }));
  }, 120_000);

  const call = () => attacker.open('/leat.v1.EventService/PublishEvents');
  it.each<readonly [string, () => Buffer]>([
    ['PING', () => http2Frame(FrameType.ping, 0, 0, Buffer.alloc(8))],
    ['SETTINGS', () => http2Frame(FrameType.settings, 0, 0, Buffer.alloc(0))],
    ['empty DATA', () => http2Frame(FrameType.data, 0, call(), Buffer.alloc(0))],
    ['PRIORITY', () => http2Frame(FrameType.priority, 0, call(), Buffer.from([0, 0, 0, 0, 1]))],
    ['WINDOW_UPDATE', () => http2Frame(FrameType.window, 0, call(), Buffer.from([0, 0, 0, 1]))],
    ['padded DATA', () => http2Frame(FrameType.data, 8, call(), Buffer.from([3, 0, 0, 0, 0]))],
    ['CONTINUATION', () => http2Frame(9, 0, call(), Buffer.alloc(0))],
  ])(
    'survives a flood of %s frames',
    async (_, frameOf) => {
      const frames = Buffer.concat(new Array<Buffer>(inForm(50_000, 500_000)).fill(frameOf()));
      await survives(() => new Promise((resolve) => attacker.socket.write(frames, resolve)));
    },
    120_000,
  );
});

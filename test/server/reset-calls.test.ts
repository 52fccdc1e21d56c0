import { describe, expect, it } from '@jest/globals';
import { connectAttacker, FrameType, http2Frame } from '../support/attacker.js';
import { startLeat } from '../support/leat-server.js';
import { until } from '../support/until.js';

const PATH = '/leat.v1.EventService/PublishEvents';
const CALLS = 700;
const CANCEL = Buffer.from([0, 0, 0, 8]);

describe('a client that begins very many calls and resets them at once', () => {
  it('has most of them dropped before their handlers run, and leaves nothing behind', async () => {
    await using test = await startLeat();
    await using attacker = await connectAttacker(test.grpcPort);
    const { socket } = attacker;
    socket.cork();
    for (let i = 0; i < CALLS; i++) socket.write(http2Frame(FrameType.reset, 0, attacker.open(PATH), CANCEL));
    socket.write(http2Frame(FrameType.ping, 0, 0, Buffer.alloc(8)));
    socket.uncork();
    await until(() => (attacker.received[FrameType.ping] ?? 0) > 0);
    await test.events.listTopics({});
    await test.idle();
    const [, started = '0'] =
      new RegExp(`^grpc_server_started_total\\{grpc_method="${PATH}"\\} (\\d+)$`, 'm').exec(
        await test.server.registry.metrics(),
      ) ?? [];
    expect(Number(started)).toBeLessThan(CALLS / 2);
  });

  it('has all of them served when it does not reset them', async () => {
    await using test = await startLeat();
    await using attacker = await connectAttacker(test.grpcPort);
    const { socket } = attacker;
    socket.cork();
    const ids = Array.from({ length: CALLS }, () => attacker.open(PATH));
    for (const id of ids) socket.write(http2Frame(FrameType.data, 1, id, Buffer.alloc(0)));
    socket.uncork();
    await until(() => (attacker.received[FrameType.headers] ?? 0) >= CALLS);
    await test.idle();
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLeatClient, type JoinedRoom, type JoinOptions } from '../../src/client/index.js';
import { type ChatRelay, startChatRelay } from '../support/chat-relay.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { soon } from '../support/soon.js';

let resources: ResourceStack;
let server: LeatServer;
let relay: ChatRelay;
beforeEach(async () => {
  resources = createResourceStack();
  server = resources.use(await startLeat());
  relay = resources.use(await startChatRelay(server.grpcPort));
});
afterEach(() => resources.dispose());

async function say({ chat }: LeatServer, first: number, last: number): Promise<void> {
  for (let id = first; id <= last; id++) await chat.sendMessage({ room: 'a', message: { id: `${id}` } });
}

async function readTo(room: JoinedRoom, last: bigint): Promise<number[]> {
  const offsets: number[] = [];
  const reading = (async () => {
    for await (const { offset } of room.messages) if (offsets.push(Number(offset)) > 0 && offset === last) return;
  })();
  await soon(`message ${last}`, reading);
  return offsets;
}

/** Enters a room of ten messages; the stream is held where `joined` has come and no page. */
async function enter(options: JoinOptions): Promise<JoinedRoom> {
  await say(server, 1, 10);
  const client = resources.use(createLeatClient({ address: relay.address }));
  const room = client.joinRooms({ backoff: { initialMs: 1, maxMs: 20 } }).join('a', options);
  await soon('joined, and nothing more', relay.held);
  await soon('to be in', room.joined);
  return room;
}

describe('a room whose stream is cut between joined and the first page', () => {
  const starts: readonly (readonly [string, JoinOptions['start'], number])[] = [
    ['only new messages', 'now', 11],
    ['the last three', { last: 3 }, 8],
    ['none of the last', { last: 0 }, 11],
    ['the first', 'first', 1],
    ['a time that is still to come', { fromTime: new Date(Date.now() + 3_600_000) }, 11],
    ['an offset', { afterOffset: 5 }, 6],
  ];

  it.each(starts)('resumes where it began when it asked for %s', async (_, start, first) => {
    const room = await enter({ start });
    await say(server, 11, 15);
    relay.cut();
    expect(await readTo(room, 15n)).toEqual(Array.from({ length: 16 - first }, (_none, index) => first + index));
  });

  it.each([['now' as const], [{ last: 3 }]])(
    'ends with EPOCH_CHANGED if the store is another one by then: %j',
    async (start) => {
      const room = await enter({ start });
      const restored = resources.use(await startLeat());
      await say(restored, 1, 20);
      relay.cut(restored.grpcPort);
      const failure = await soon(
        'the end of the room',
        room.ended.catch((error: unknown) => error),
      );
      expect(failure).toMatchObject({ reason: 'EPOCH_CHANGED' });
    },
  );
});

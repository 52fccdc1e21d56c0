import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { TailState } from '../../gen/leat/v1/event.js';
import { readCallError } from '../support/call-error.js';
import { type ChatStreamOptions, openChat } from '../support/chat-stream.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

let rooms = 0;
const freshRoom = () => `c/${++rooms}`;
const open = (options?: ChatStreamOptions) => openChat(leat.chat, options);

describe('Chat', () => {
  it('lets a member in, and tells it of the room', async () => {
    await using ada = open({ user: 'ada' });
    const room = freshRoom();
    const joined = await ada.join(room);
    expect(joined).toMatchObject({ room, memberCount: 1, headOffset: 0n, readOffset: 0n, state: [] });
    expect(joined.members).toMatchObject([{ memberId: joined.memberId, user: 'ada' }]);
    expect(await ada.take('messages')).toMatchObject({ room, records: [], state: TailState.TAIL_STATE_LIVE });
  });

  it('tells a member its position when it joins, whatever start it asked for, and again when it is told of the room again', async () => {
    const room = freshRoom();
    const write = async (id: string) => leat.chat.sendMessage({ room, message: { id } });
    for (const id of ['1', '2', '3']) await write(id);
    await using ada = open();
    const { resumeToken } = await ada.join(room, { start: { position: { $case: 'last', value: 1n } } });
    await ada.take('messages', ({ readOffset }) => readOffset === 3n);
    ada.send({ $case: 'pause', value: { room, paused: true } });
    await ada.settle();
    for (const id of ['4', '5']) await write(id);
    const again = await ada.join(room, { start: { position: { $case: 'last', value: 0n } } });
    await using bob = open();
    for (const [token, expected] of [
      [resumeToken, [3n, 4n, 5n]],
      [again.resumeToken, [4n, 5n]],
    ] as const) {
      await bob.join(room, { start: { position: { $case: 'resumeToken', value: token } } });
      await bob.take('messages', ({ readOffset }) => readOffset === 5n);
      expect(
        bob
          .records(room)
          .slice(-expected.length)
          .map(({ offset }) => offset),
      ).toEqual(expected);
      bob.send({ $case: 'leave', value: { room } });
      await bob.settle();
    }
    expect(bob.records(room)).toHaveLength(5);
  });

  it('delivers what is sent to all members, the sender too, and says when it is durable', async () => {
    await using ada = open({ user: 'ada' });
    await using bob = open({ user: 'bob' });
    const room = freshRoom();
    await Promise.all([ada.join(room), bob.join(room)]);
    ada.say(room, 'm-1', 'hello');
    expect(await ada.take('delivered')).toMatchObject({
      room,
      deliveries: [{ messageId: 'm-1', offset: 1n, duplicate: false }],
    });
    for (const member of [ada, bob]) {
      const { records } = await member.take('messages', (page) => page.records.length > 0);
      expect(records).toMatchObject([
        { offset: 1n, author: 'ada', event: { id: 'm-1', type: 'message', payload: { value: 'hello' } } },
      ]);
    }
  });

  it('tells others who came, what they show, and who went', async () => {
    await using ada = open({ user: 'ada' });
    const room = freshRoom();
    await ada.join(room);
    const bob = open({ user: 'bob' });
    const { memberId } = await bob.join(room);
    expect(await ada.take('presence')).toMatchObject({ joined: [{ memberId, user: 'bob' }], left: [] });
    bob.send({ $case: 'setState', value: { room, key: 'typing', value: Buffer.from('yes') } });
    expect(await ada.take('state')).toMatchObject({
      room,
      entries: [{ memberId, key: 'typing', value: Buffer.from('yes') }],
    });
    bob.finish();
    expect(await bob.ended).toBeUndefined();
    expect(await ada.take('presence')).toMatchObject({ joined: [], left: [memberId] });
  });

  it('answers a ping after what was there before', async () => {
    await using ada = open();
    const room = freshRoom();
    await ada.join(room);
    await ada.settle();
    expect(ada.all('messages')).toHaveLength(1);
  });

  it('ends with HELLO_REQUIRED if the first frame is another one', async () => {
    await using ada = open({ silent: true });
    ada.send({ $case: 'ping', value: { nonce: 1n } });
    expect(readCallError(await ada.ended)).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: 'HELLO_REQUIRED' });
  });
});

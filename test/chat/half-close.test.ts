import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ChatRequest, ChatResponse, DeepPartial } from '../../gen/leat/v1/chat_service.js';
import { chatFrame, helloFrame, joinFrame, sendFrame } from '../support/chat-frames.js';
import { openChat } from '../support/chat-stream.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { connectRaw } from '../support/raw-http2.js';
import { soon } from '../support/soon.js';

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat({ 'chat-grace-period': '5m' });
});
afterAll(() => leat[Symbol.asyncDispose]());

let rooms = 0;
const freshRoom = () => `h/${++rooms}`;
type Frame = DeepPartial<ChatRequest['frame']>;

const hello: Frame = { $case: 'hello', value: { sessionId: crypto.randomUUID() } };
const join = (room: string, after?: bigint): Frame => ({
  $case: 'join',
  value: { room, start: after === undefined ? undefined : { position: { $case: 'afterOffset', value: after } } },
});
const send = (room: string, id: string): Frame => ({ $case: 'send', value: { room, message: { id } } });

/** The simplest program: says all of it, half-closes, and reads to the end. */
async function converse(frames: readonly Frame[]): Promise<ChatResponse[]> {
  async function* requests() {
    for (const frame of frames) yield { frame };
  }
  const responses: ChatResponse[] = [];
  const all = (async () => {
    for await (const response of leat.chat.chat(requests())) responses.push(response);
  })();
  await soon('the end of the stream', all);
  return responses;
}

const messagesOf = (responses: readonly ChatResponse[], room: string) =>
  responses.flatMap(({ frame }) =>
    frame?.$case === 'messages' && frame.value.room === room ? frame.value.records.map(({ event }) => event?.id) : [],
  );
const count = (responses: readonly ChatResponse[], kind: string) =>
  responses.filter(({ frame }) => frame?.$case === kind).length;

describe('a stream that half-closes', () => {
  it('receives its own message before it ends with OK, with nothing but hello, join and send', async () => {
    for (let round = 0; round < 20; round++) {
      const room = freshRoom();
      const responses = await converse([hello, join(room), send(room, 'mine')]);
      expect(messagesOf(responses, room)).toEqual(['mine']);
      expect([count(responses, 'joined'), count(responses, 'delivered')]).toEqual([1, 1]);
    }
  });

  it('receives all messages up to its own last one, in each of its rooms', async () => {
    const [long, short, silent] = [freshRoom(), freshRoom(), freshRoom()];
    const ids = Array.from({ length: 300 }, (_none, index) => `${index}`);
    for (const id of ids)
      await leat.chat.sendMessage({
        room: long,
        message: { id, payload: { $case: 'data', value: Buffer.alloc(1_000) } },
      });
    const mine = [send(long, 'x'), send(short, 'y'), send(long, 'z')];
    const responses = await converse([hello, join(long, 0n), join(short), join(silent), ...mine]);
    expect(messagesOf(responses, long)).toEqual([...ids, 'x', 'z']);
    expect(messagesOf(responses, short)).toEqual(['y']);
    expect(count(responses, 'problem')).toBe(0);
  });

  it('is not kept waiting by a room that it has paused, nor by a message that was refused', async () => {
    const room = freshRoom();
    const pause: Frame = { $case: 'pause', value: { room, paused: true } };
    const noId: Frame = { $case: 'send', value: { room, message: {} } };
    const responses = await converse([hello, join(room), pause, send(room, 'mine'), noId]);
    expect(messagesOf(responses, room)).toEqual([]);
    expect([count(responses, 'delivered'), count(responses, 'problem')]).toEqual([1, 1]);
  });

  it('receives a message that was there before, when it sends it again', async () => {
    const room = freshRoom();
    await converse([hello, join(room), send(room, 'mine')]);
    const responses = await converse([hello, join(room, 0n), send(room, 'mine')]);
    expect(messagesOf(responses, room)).toEqual(['mine']);
  });

  it('has left its rooms at once although it does not read, and leaves nothing behind when it is cut', async () => {
    const room = freshRoom();
    await using ada = openChat(leat.chat);
    await ada.join(room);
    for (let id = 0; id < 20; id++) ada.say(room, `${id}`, 'x'.repeat(10_000));
    await ada.take('messages', ({ readOffset }) => readOffset === 20n);
    await using connection = await connectRaw(leat.grpcPort);
    connection.session.settings({ initialWindowSize: 1 });
    const call = connection.call('/leat.v1.ChatService/Chat', { paused: true });
    call.stream.write(Buffer.concat([helloFrame(), joinFrame(room, 0n), sendFrame(room, 'mine')]));
    const { joined } = await ada.take('presence');
    call.stream.end(chatFrame({ $case: 'ping', value: { nonce: 1n } }));
    await ada.take('presence', ({ left }) => left.includes(joined[0]?.memberId ?? ''));
    await ada.take('messages', ({ readOffset }) => readOffset === 21n);
    connection.cut();
    ada.finish();
    await ada.ended;
    await soon('the stream to be gone', leat.idle());
    const { room: left } = await leat.chat.getRoom({ room });
    expect(left?.memberCount).toBe(0);
  });

  it('lets another stream take up its session, and ends without touching it', async () => {
    const room = freshRoom();
    await using ada = openChat(leat.chat);
    await ada.join(room);
    for (let id = 0; id < 20; id++) ada.say(room, `${id}`, 'x'.repeat(10_000));
    await ada.take('messages', ({ readOffset }) => readOffset === 20n);
    await using connection = await connectRaw(leat.grpcPort);
    connection.session.settings({ initialWindowSize: 1 });
    const call = connection.call('/leat.v1.ChatService/Chat', { paused: true });
    call.stream.write(Buffer.concat([helloFrame('same'), joinFrame(room, 0n), sendFrame(room, 'mine')]));
    await ada.take('presence', ({ joined }) => joined.length > 0);
    call.stream.end();
    await ada.take('presence', ({ left }) => left.length > 0);
    await using again = openChat(leat.chat, { session: 'same' });
    await again.join(room);
    connection.cut();
    await soon('the old stream to be gone', call.ended);
    await again.settle();
    expect((await leat.chat.getRoom({ room })).room?.memberCount).toBe(2);
  });
});

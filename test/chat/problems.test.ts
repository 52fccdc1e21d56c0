import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import type { ChatRequest, DeepPartial } from '../../gen/leat/v1/chat_service.js';
import { readCallError } from '../support/call-error.js';
import { type ChatStreamOptions, openChat } from '../support/chat-stream.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat({ 'max-event-size': '1KiB' });
});
afterAll(() => leat[Symbol.asyncDispose]());

let rooms = 0;
const freshRoom = () => `p/${++rooms}`;
const open = (options?: ChatStreamOptions) => openChat(leat.chat, options);
const text = (value: string) => ({ $case: 'text' as const, value });

describe('what breaks the protocol ends the stream with INVALID_ARGUMENT and', () => {
  type Frame = DeepPartial<ChatRequest['frame']>;
  const hello: Frame = { $case: 'hello', value: { sessionId: 's' } };
  const cases: readonly (readonly [name: string, reason: string, frames: readonly Frame[]])[] = [
    ['a frame before hello', 'HELLO_REQUIRED', [{ $case: 'join', value: { room: 'a' } }]],
    ['a second hello', 'HELLO_REQUIRED', [hello, hello]],
    ['an empty frame', 'UNKNOWN_FRAME', [hello, undefined]],
    ['an empty first frame', 'UNKNOWN_FRAME', [undefined]],
    ['an empty session', 'INVALID_FIELD', [{ $case: 'hello', value: {} }]],
    ['a session that is too long', 'INVALID_FIELD', [{ $case: 'hello', value: { sessionId: 'x'.repeat(129) } }]],
    ['a room that can be none', 'INVALID_FIELD', [hello, { $case: 'join', value: { room: 'Not A Room' } }]],
    ['a room that is too long', 'INVALID_FIELD', [hello, { $case: 'leave', value: { room: 'x'.repeat(195) } }]],
    ['a key that is empty', 'INVALID_FIELD', [hello, { $case: 'setState', value: { room: 'a' } }]],
    [
      'a time to live that is too long',
      'INVALID_FIELD',
      [hello, { $case: 'setState', value: { room: 'a', key: 'k', ttl: { seconds: 3601n } } }],
    ],
    ['a negative offset', 'INVALID_FIELD', [hello, { $case: 'markRead', value: { room: 'a', offset: -1n } }]],
  ];

  it.each(cases)('%s: %s', async (_, reason, frames) => {
    await using stream = open({ silent: true });
    for (const frame of frames) stream.send(frame);
    expect(readCallError(await stream.ended)).toMatchObject({ code: Status.INVALID_ARGUMENT, reason });
  });
});

describe('RoomProblem', () => {
  it('refuses a message without an id, too large, or otherwise wrong, and carries out those behind it', async () => {
    await using ada = open();
    const room = freshRoom();
    await ada.join(room);
    const send = (message: object) => ada.send({ $case: 'send', value: { room, message } });
    send({ payload: text('no id') });
    send({ id: 'large', payload: text('x'.repeat(1_025)) });
    send({ id: 'wrong', subject: 'x'.repeat(257) });
    ada.say(room, 'good');
    expect(await ada.take('problem')).toMatchObject({
      room,
      about: { $case: 'messageId', value: '' },
      code: Status.INVALID_ARGUMENT,
      reason: 'ID_REQUIRED',
      retryDelay: undefined,
    });
    const large = await ada.take('problem');
    expect(large).toMatchObject({ about: { value: 'large' }, reason: 'MESSAGE_TOO_LARGE' });
    expect(Object.fromEntries(large.metadata)).toEqual({ limit: '1024', size: '1025' });
    const wrong = await ada.take('problem');
    expect(wrong).toMatchObject({ about: { value: 'wrong' }, reason: 'INVALID_FIELD' });
    expect(wrong.metadata.get('field')).toBe('message.subject');
    expect(await ada.take('delivered')).toMatchObject({ deliveries: [{ messageId: 'good', offset: 1n }] });
  });

  it('answers a repeated message as a duplicate, and other content under its id with ID_REUSED', async () => {
    await using ada = open({ user: 'ada' });
    await using bob = open({ user: 'bob' });
    const room = freshRoom();
    await Promise.all([ada.join(room), bob.join(room)]);
    ada.say(room, 'one', 'first');
    ada.say(room, 'one', 'first');
    ada.say(room, 'one', 'other');
    ada.say(room, 'two');
    await ada.take('delivered', ({ deliveries }) => deliveries.some(({ messageId }) => messageId === 'two'));
    const deliveries = ada.all('delivered').flatMap((delivered) => delivered.deliveries);
    expect(deliveries).toMatchObject([
      { messageId: 'one', offset: 1n, duplicate: false },
      { messageId: 'one', offset: 1n, duplicate: true },
      { messageId: 'two', offset: 2n, duplicate: false },
    ]);
    expect(await ada.take('problem')).toMatchObject({
      about: { $case: 'messageId', value: 'one' },
      code: Status.ALREADY_EXISTS,
      reason: 'ID_REUSED',
    });
    bob.say(room, 'one', 'of another author');
    expect(await bob.take('delivered')).toMatchObject({ deliveries: [{ offset: 3n, duplicate: false }] });
  });

  it('tells of a room that was not joined, by what was asked', async () => {
    await using ada = open({ user: 'ada' });
    const room = freshRoom();
    ada.say(room, 'm');
    ada.send({ $case: 'setState', value: { room, key: 'k', value: Buffer.from('v') } });
    ada.send({ $case: 'markRead', value: { room, offset: 1n } });
    ada.send({ $case: 'pause', value: { room, paused: true } });
    ada.send({ $case: 'leave', value: { room } });
    await ada.settle();
    expect(ada.all('problem')).toMatchObject([
      { reason: 'NOT_A_MEMBER', about: { $case: 'messageId', value: 'm' } },
      { reason: 'NOT_A_MEMBER', about: { $case: 'key', value: 'k' } },
      { reason: 'NOT_A_MEMBER', about: { $case: 'markOffset', value: 1n } },
      { reason: 'NOT_A_MEMBER', about: undefined },
    ]);
    expect((await leat.store.topic(`rooms/${room}`))?.headOffset).toBeUndefined();
  });

  it('says where a member could begin that asked to begin elsewhere, and does not let it in', async () => {
    await using ada = open();
    const room = freshRoom();
    for (const id of ['1', '2', '3']) await leat.chat.sendMessage({ room, message: { id } });
    await leat.events.trimTopic({ topic: `rooms/${room}`, beforeOffset: 3n });
    const joinAfter = (value: bigint) =>
      ada.send({ $case: 'join', value: { room, start: { position: { $case: 'afterOffset', value } } } });
    joinAfter(1n);
    const trimmed = await ada.take('problem');
    expect(trimmed).toMatchObject({ about: { $case: 'join' }, code: Status.OUT_OF_RANGE, reason: 'OFFSET_TRIMMED' });
    expect(trimmed.metadata.get('first_offset')).toBe('3');
    joinAfter(9n);
    const beyond = await ada.take('problem');
    expect(beyond).toMatchObject({ reason: 'OFFSET_BEYOND_HEAD' });
    expect(beyond.metadata.get('head_offset')).toBe('3');
    ada.send({
      $case: 'join',
      value: { room, start: { position: { $case: 'resumeToken', value: 'not a token' } } },
    });
    expect(await ada.take('problem')).toMatchObject({ reason: 'INVALID_FIELD', about: { $case: 'join' } });
    ada.say(room, 'm');
    expect(await ada.take('problem')).toMatchObject({ reason: 'NOT_A_MEMBER' });
    joinAfter(2n);
    await ada.take('messages', ({ records }) => records.length > 0);
    expect(ada.records(room)).toMatchObject([{ offset: 3n }]);
  });

  it('ends the membership of one who was overtaken by a trim, while a send of it is on its way', async () => {
    await using ada = open();
    const room = freshRoom();
    await ada.join(room);
    await ada.settle();
    ada.send({ $case: 'pause', value: { room, paused: true } });
    for (const id of ['1', '2', '3']) ada.say(room, id);
    await ada.take('delivered', ({ deliveries }) => deliveries.some(({ messageId }) => messageId === '3'));
    await leat.events.trimTopic({ topic: `rooms/${room}`, beforeOffset: 3n });
    ada.send({ $case: 'pause', value: { room, paused: false } });
    for (const id of ['4', '5', '6', '7', '8', '9']) ada.say(room, id);
    const removed = await ada.take('problem', ({ about }) => about?.$case === 'removed');
    expect(removed).toMatchObject({ room, reason: 'OFFSET_TRIMMED', about: { value: true } });
    ada.say(room, 'late');
    expect(await ada.take('problem', ({ about }) => about?.value === 'late')).toMatchObject({ reason: 'NOT_A_MEMBER' });
    await ada.settle();
    // Each of those between was either stored and delivered, or refused: never both, never neither.
    const delivered = ada.all('delivered').flatMap(({ deliveries }) => deliveries.map(({ messageId }) => messageId));
    const refused = ada.all('problem').flatMap(({ about }) => (about?.$case === 'messageId' ? [about.value] : []));
    const sent = ['1', '2', '3', '4', '5', '6', '7', '8', '9', 'late'];
    expect([...delivered, ...refused].sort()).toEqual(sent);
    expect((await leat.store.topic(`rooms/${room}`))?.headOffset).toBe(delivered.length);
  });

  it('lets nobody mark what was not said yet, or without a name', async () => {
    await using ada = open({ user: 'ada' });
    await using nobody = open();
    const room = freshRoom();
    await Promise.all([ada.join(room), nobody.join(room)]);
    for (const stream of [ada, nobody]) stream.send({ $case: 'markRead', value: { room, offset: 1n } });
    const about = { $case: 'markOffset', value: 1n };
    expect(await ada.take('problem')).toMatchObject({ reason: 'OFFSET_BEYOND_HEAD', about });
    expect(await nobody.take('problem')).toMatchObject({ reason: 'ANONYMOUS_CALLER' });
  });

  it('takes back a mark beyond the 1,000 cursors of a room, from everybody who was told of it', async () => {
    await using ada = open({ user: 'ada' });
    await using bob = open({ user: 'bob' });
    const room = freshRoom();
    await Promise.all([ada.join(room), bob.join(room)]);
    ada.say(room, '1');
    await ada.take('delivered');
    const topic = `rooms/${room}`;
    const commit = (cursor: string) => ({ kind: 'commit-cursor', topic, cursor, offset: 1, rewind: false }) as const;
    await leat.store.write(Array.from({ length: 1_000 }, (_none, index) => commit(`c${index}`)));
    bob.send({ $case: 'markRead', value: { room, offset: 1n } });
    expect(await bob.take('problem')).toMatchObject({
      reason: 'TOO_MANY_CURSORS',
      about: { $case: 'markOffset', value: 1n },
    });
    await ada.settle();
    // Told in one turn or in two, the last that others hear is that there is no mark.
    const told = ada.all('readMarks').flatMap(({ marks }) => marks);
    expect(told.at(-1)).toEqual({ user: 'bob', offset: 0n });
    await using eve = open({ user: 'eve' });
    expect(await eve.join(room)).toMatchObject({ memberCount: 3 });
    await eve.settle();
    expect(eve.all('readMarks')).toEqual([]);
    expect((await leat.chat.getRoom({ room })).readMarks).toEqual([]);
  });
});

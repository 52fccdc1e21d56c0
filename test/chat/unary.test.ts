import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { openChat } from '../support/chat-stream.js';
import { failureOf } from '../support/failed-call.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

let rooms = 0;
const freshRoom = () => `u/${++rooms}`;
const say = (room: string, id: string, size = 1) =>
  leat.chat.sendMessage({ room, message: { id, payload: { $case: 'text', value: 'x'.repeat(size) } } });

async function fill(room: string, count: number, size?: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => say(room, `${index + 1}`, size)));
}

describe('SendMessage', () => {
  it('answers where the message is, again when repeated', async () => {
    const room = freshRoom();
    expect(await say(room, 'a')).toMatchObject({ delivery: { messageId: 'a', offset: 1n, duplicate: false } });
    expect(await say(room, 'a')).toMatchObject({ delivery: { messageId: 'a', offset: 1n, duplicate: true } });
  });

  it('refuses what is wrong with its path', async () => {
    expect(await failureOf(leat.chat.sendMessage({ room: freshRoom() }))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'ID_REQUIRED',
    });
    expect(await failureOf(say('No Room', 'a'))).toMatchObject({ violations: [{ field: 'room' }] });
    expect(await failureOf(say(freshRoom(), 'a', 256 * 1024 + 1))).toMatchObject({ reason: 'MESSAGE_TOO_LARGE' });
  });
});

describe('ListMessages', () => {
  const pageOf = (room: string, request: object = {}) => leat.chat.listMessages({ room, ...request });
  const offsets = ({ records }: Awaited<ReturnType<typeof pageOf>>) => records.map(({ offset }) => Number(offset));
  const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

  it('reads backwards, page by page, to the first message', async () => {
    const room = freshRoom();
    await fill(room, 250);
    const newest = await pageOf(room);
    expect(offsets(newest)).toEqual(range(151, 250));
    expect(newest.headOffset).toBe(250n);
    await say(room, 'new');
    const middle = await pageOf(room, { pageToken: newest.nextPageToken });
    expect(offsets(middle)).toEqual(range(51, 150));
    const oldest = await pageOf(room, { pageToken: middle.nextPageToken });
    expect(offsets(oldest)).toEqual(range(1, 50));
    expect(oldest.nextPageToken).toBe('');
    expect(offsets(await pageOf(room, { beforeOffset: 10n, pageSize: 4 }))).toEqual(range(6, 9));
    expect(offsets(await pageOf(room, { beforeOffset: 1n }))).toEqual([]);
    expect(offsets(await pageOf(room, { beforeOffset: 252n, pageSize: 1 }))).toEqual([251]);
  });

  it('has a token to join behind its newest message', async () => {
    const room = freshRoom();
    await fill(room, 3);
    const { resumeToken } = await pageOf(room, { beforeOffset: 2n });
    await say(room, 'new');
    await using ada = openChat(leat.chat);
    await ada.join(room, { start: { position: { $case: 'resumeToken', value: resumeToken } } });
    await ada.take('messages', ({ readOffset }) => readOffset === 4n);
    expect(ada.records(room).map(({ offset }) => offset)).toEqual([4n]);
  });

  it('has pages of a megabyte, one message at least, and misses none', async () => {
    const room = freshRoom();
    await fill(room, 12, 250_000);
    const seen: number[] = [];
    for (let pageToken: string | undefined; pageToken !== '';) {
      const page = await pageOf(room, { pageToken, pageSize: 1000 });
      expect(page.records.length).toBeLessThanOrEqual(4);
      seen.unshift(...offsets(page));
      pageToken = page.nextPageToken;
    }
    expect(seen).toEqual(range(1, 12));
  });

  it('ends at the first message that is kept', async () => {
    const room = freshRoom();
    await fill(room, 10);
    await leat.events.trimTopic({ topic: `rooms/${room}`, beforeOffset: 6n });
    const page = await pageOf(room);
    expect(offsets(page)).toEqual(range(6, 10));
    expect(page.nextPageToken).toBe('');
  });

  it('refuses an offset beyond the end, and the token of another room', async () => {
    const room = freshRoom();
    await fill(room, 2);
    const beyond = await failureOf(pageOf(room, { beforeOffset: 4n }));
    expect(beyond).toMatchObject({ code: Status.OUT_OF_RANGE, reason: 'OFFSET_BEYOND_HEAD' });
    expect(beyond.metadata.head_offset).toBe('2');
    const { nextPageToken } = await pageOf(room, { pageSize: 1 });
    const other = pageOf(freshRoom(), { pageToken: nextPageToken });
    expect(await failureOf(other)).toMatchObject({ reason: 'TOKEN_MISMATCH' });
    expect(await pageOf(freshRoom())).toMatchObject({ records: [], headOffset: 0n, nextPageToken: '' });
  });
});

describe('GetRoom and ListRooms', () => {
  it('tell of messages and of who is there', async () => {
    const room = freshRoom();
    expect(await failureOf(leat.chat.getRoom({ room }))).toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'ROOM_NOT_FOUND',
    });
    await using ada = openChat(leat.chat, { user: 'ada' });
    await ada.join(room);
    const empty = await leat.chat.getRoom({ room });
    expect(empty).toMatchObject({
      room: { room, firstOffset: 1n, headOffset: 0n, memberCount: 1 },
      members: [{ user: 'ada' }],
    });
    expect(empty.room?.createTime).toBeUndefined();
    await say(room, 'a');
    expect((await leat.chat.getRoom({ room })).room).toMatchObject({
      headOffset: 1n,
      createTime: {},
      lastCommitTime: {},
    });
  });

  it('list rooms that have messages, by name, page by page', async () => {
    const names = ['list/a', 'list/b', 'list/c'];
    for (const room of names) await say(room, 'm');
    const first = await leat.chat.listRooms({ prefix: 'list/', pageSize: 2 });
    expect(first.rooms.map(({ room }) => room)).toEqual(['list/a', 'list/b']);
    const second = await leat.chat.listRooms({ prefix: 'list/', pageSize: 2, pageToken: first.nextPageToken });
    expect(second).toMatchObject({ rooms: [{ room: 'list/c', headOffset: 1n }], nextPageToken: '' });
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChatStream, type ChatStreamOptions, openChat } from '../support/chat-stream.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

let rooms = 0;
const freshRoom = () => `s/${++rooms}`;
const open = (options?: ChatStreamOptions) => openChat(leat.chat, options);

const setState = (stream: ChatStream, room: string, key: string, value: string | undefined, ttlMs?: number) =>
  stream.send({
    $case: 'setState',
    value: {
      room,
      key,
      value: value === undefined ? undefined : Buffer.from(value),
      ttl: ttlMs === undefined ? undefined : { seconds: 0n, nanos: ttlMs * 1e6 },
    },
  });

/** Newest value of every key, as one who read all frames knows it. */
function stateOf(stream: ChatStream, room: string): Record<string, string> {
  const known: Record<string, string> = {};
  for (const frame of stream.frames) {
    if (frame.$case !== 'state' || frame.value.room !== room) continue;
    for (const { key, value } of frame.value.entries) {
      if (value) known[key] = Buffer.from(value).toString();
      else delete known[key];
    }
  }
  return known;
}

describe('live state', () => {
  it('is told to the end to those who come after many removals', async () => {
    await using ada = open();
    const room = freshRoom();
    await ada.join(room);
    for (const key of ['a', 'b', 'c']) setState(ada, room, key, 'x'.repeat(40_000));
    // So many that they are forgotten once all who are there know of them.
    for (let round = 0; round < 3; round++) {
      for (let key = 0; key < 64; key++) setState(ada, room, `k${key}`, 'v');
      for (let key = 0; key < 64; key++) setState(ada, room, `k${key}`, undefined);
      await ada.settle();
    }
    await using eve = open();
    await eve.join(room);
    await eve.take('state', ({ entries }) => entries.some(({ key }) => key === 'c'));
    await eve.settle();
    expect(eve.all('joined')).toHaveLength(1);
  });

  it('is the newest value of each key, for those who come later too', async () => {
    await using ada = open();
    await using bob = open();
    const room = freshRoom();
    const { memberId } = await ada.join(room);
    await bob.join(room);
    for (let value = 0; value < 1_000; value++) setState(ada, room, 'pointer', `${value}`);
    setState(ada, room, 'gone', 'x');
    setState(ada, room, 'gone', undefined);
    setState(ada, room, 'empty', '');
    await ada.settle();
    await bob.take('state', ({ entries }) => entries.some(({ key }) => key === 'empty'));
    expect(stateOf(bob, room)).toEqual({ pointer: '999', empty: '' });
    await using eve = open();
    const { state } = await eve.join(room);
    expect(state).toEqual([
      { memberId, key: 'pointer', value: Buffer.from('999') },
      { memberId, key: 'empty', value: Buffer.from('') },
    ]);
  });

  it('is gone after its time to live, unless it was set again', async () => {
    await using ada = open();
    await using bob = open();
    const room = freshRoom();
    await Promise.all([ada.join(room), bob.join(room)]);
    setState(ada, room, 'typing', 'yes', 50);
    setState(ada, room, 'stays', 'yes', 50);
    setState(ada, room, 'stays', 'still');
    await bob.take('state', ({ entries }) => entries.some(({ key, value }) => key === 'typing' && !value));
    expect(stateOf(bob, room)).toEqual({ stays: 'still' });
  });

  it('does not mix the keys of two members', async () => {
    await using ada = open();
    await using bob = open();
    await using eve = open();
    const room = freshRoom();
    const [a, b] = [await ada.join(room), await bob.join(room)];
    setState(ada, room, 'k', 'of ada');
    setState(bob, room, 'k', 'of bob');
    await Promise.all([ada.settle(), bob.settle()]);
    const { state } = await eve.join(room);
    expect(new Map(state.map(({ memberId, value }) => [memberId, String(Buffer.from(value ?? []))]))).toEqual(
      new Map([
        [a.memberId, 'of ada'],
        [b.memberId, 'of bob'],
      ]),
    );
  });

  it('has bounds, in which it goes on', async () => {
    await using ada = open();
    const room = freshRoom();
    await ada.join(room);
    setState(ada, room, 'large', 'x'.repeat(64 * 1024 + 1));
    expect(await ada.take('problem')).toMatchObject({ reason: 'VALUE_TOO_LARGE', about: { value: 'large' } });
    for (let key = 0; key <= 100; key++) setState(ada, room, `${key}`, 'v');
    expect(await ada.take('problem')).toMatchObject({ reason: 'TOO_MANY_KEYS', about: { value: '100' } });
    const value = 'x'.repeat(64 * 1024);
    for (let key = 0; key < 64; key++) setState(ada, room, `${key}`, value);
    const full = await ada.take('problem');
    expect(full).toMatchObject({ reason: 'STATE_FULL', about: { value: '63' }, retryDelay: { seconds: 1n } });
    expect(full.metadata.get('limit')).toBe(`${4 * 1024 * 1024}`);
    setState(ada, room, '0', undefined);
    setState(ada, room, '63', value);
    await ada.settle();
    expect(ada.all('problem')).toHaveLength(3);
  });

  it('comes in pages to one who joins a room that shows much', async () => {
    await using ada = open();
    const room = freshRoom();
    await ada.join(room);
    const value = 'x'.repeat(30_000);
    for (let key = 0; key < 100; key++) setState(ada, room, `${key}`, value);
    await ada.settle();
    await using bob = open();
    const { state } = await bob.join(room);
    expect(state.length).toBeLessThan(10);
    await bob.take('state', ({ entries }) => entries.some(({ key }) => key === '99'));
    const keys = [...state, ...bob.all('state').flatMap(({ entries }) => entries)].map(({ key }) => key);
    expect(keys).toEqual(Array.from({ length: 100 }, (_, key) => `${key}`));
  });
});

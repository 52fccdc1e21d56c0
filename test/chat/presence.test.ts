import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Status, createChannel, createClientFactory } from 'nice-grpc';
import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { readCallError } from '../support/call-error.js';
import { type ChatStream, openChat } from '../support/chat-stream.js';
import { startCuttingProxy } from '../support/cutting-proxy.js';
import { startLeat } from '../support/leat-server.js';

const ROOM = 'presence';
/** Long enough that no test reaches it, short enough that a test can wait for it. */
const [LONG, SHORT] = ['5m', '300ms'];

/** A client over a connection of its own that can be cut. */
async function openCuttable(port: number) {
  const proxy = await startCuttingProxy(port);
  const channel = createChannel(`127.0.0.1:${proxy.port}`);
  return {
    proxy,
    client: createClientFactory().create(ChatServiceDefinition, channel),
    async [Symbol.asyncDispose]() {
      channel.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** The live state that one who read all frames knows. */
function shownTo({ frames }: ChatStream): string[] {
  const known = new Set<string>();
  for (const { $case, value } of frames) {
    if ($case === 'joined') known.clear();
    const entries = $case === 'joined' ? value.state : $case === 'state' ? value.entries : [];
    for (const entry of entries) {
      if (entry.value) known.add(`${entry.memberId} ${entry.key}`);
      else known.delete(`${entry.memberId} ${entry.key}`);
    }
  }
  return [...known];
}

describe('a member whose connection is cut', () => {
  it('stays for the grace period, with its live state, and is back without others seeing anything', async () => {
    await using leat = await startLeat({ 'chat-grace-period': LONG });
    await using cuttable = await openCuttable(leat.grpcPort);
    await using ada = openChat(leat.chat, { user: 'ada' });
    await ada.join(ROOM);
    await using bob = openChat(cuttable.client, { user: 'bob', session: 'phone' });
    const before = await bob.join(ROOM);
    bob.send({ $case: 'setState', value: { room: ROOM, key: 'k', value: Buffer.from('v') } });
    await ada.take('state');
    cuttable.proxy.cutNow();
    await bob.ended;
    await using again = openChat(leat.chat, { user: 'bob', session: 'phone' });
    const after = await again.join(ROOM);
    expect(after).toMatchObject({ memberId: before.memberId, memberCount: 2, members: [{}, {}] });
    expect(after.state).toMatchObject([{ memberId: before.memberId, key: 'k' }]);
    again.say(ROOM, 'back');
    await ada.take('messages', ({ records }) => records.length > 0);
    expect(ada.all('presence')).toHaveLength(1);
    expect(ada.all('state')).toHaveLength(1);
  });

  it.each(['a cut of the TCP connection', 'an abort'])(
    'is gone when the grace period is over, after %s',
    async (way) => {
      await using leat = await startLeat({ 'chat-grace-period': SHORT });
      await using cuttable = await openCuttable(leat.grpcPort);
      await using ada = openChat(leat.chat);
      await ada.join(ROOM);
      await using bob = openChat(cuttable.client);
      const { memberId } = await bob.join(ROOM);
      bob.send({ $case: 'setState', value: { room: ROOM, key: 'k', value: Buffer.from('v') } });
      await ada.take('state');
      if (way === 'an abort') bob.abort();
      else cuttable.proxy.cutNow();
      expect(await ada.take('state')).toMatchObject({ entries: [{ memberId, key: 'k', value: undefined }] });
      expect(await ada.take('presence', ({ left }) => left.length > 0)).toMatchObject({ left: [memberId] });
      expect(await leat.chat.getRoom({ room: ROOM })).toMatchObject({ room: { memberCount: 1 } });
    },
  );

  it('is gone with all it showed, also where more went at once than is remembered', async () => {
    await using leat = await startLeat({ 'chat-grace-period': '0s' });
    await using cuttable = await openCuttable(leat.grpcPort);
    await using ada = openChat(leat.chat);
    await ada.join(ROOM);
    const others = Array.from({ length: 12 }, (_none, index) => openChat(cuttable.client, { user: `bob${index}` }));
    for (const other of others) {
      await other.join(ROOM);
      for (let key = 0; key < 100; key++) {
        other.send({ $case: 'setState', value: { room: ROOM, key: `k${key}`, value: Buffer.from('v') } });
      }
      await other.settle();
    }
    await ada.settle();
    cuttable.proxy.cutNow();
    await Promise.all(others.map((other) => other.ended));
    await using eve = openChat(leat.chat, { user: 'eve' });
    await eve.join(ROOM);
    const sees = (members: readonly { readonly user: string }[]) => members.some(({ user }) => user === 'eve');
    await Promise.race([
      ada.take('presence', ({ joined }) => sees(joined)),
      ada.take('joined', ({ members }) => sees(members)),
    ]);
    expect(shownTo(ada)).toEqual([]);
  });

  it('leaves, when it comes back, the rooms that it does not join again', async () => {
    await using leat = await startLeat({ 'chat-grace-period': SHORT });
    await using ada = openChat(leat.chat);
    await Promise.all([ada.join('one'), ada.join('two')]);
    const bob = openChat(leat.chat, { session: 'phone' });
    const { memberId } = await bob.join('one');
    await bob.join('two');
    bob.abort();
    await bob.ended;
    await using again = openChat(leat.chat, { session: 'phone' });
    await again.join('one');
    expect(await ada.take('presence', ({ left }) => left.length > 0)).toMatchObject({ room: 'two', left: [memberId] });
    await again.settle();
    expect(await leat.chat.getRoom({ room: 'one' })).toMatchObject({ room: { memberCount: 2 } });
  });

  it('is gone after kill -9 of its process', async () => {
    await using leat = await startLeat({ 'chat-grace-period': SHORT });
    await using ada = openChat(leat.chat);
    await ada.join(ROOM);
    const script = fileURLToPath(new URL('./member-child.js', import.meta.url));
    const child = spawn(process.execPath, [script, `${leat.grpcPort}`, ROOM], { stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      const { joined } = await ada.take('presence');
      child.kill('SIGKILL');
      const { left } = await ada.take('presence', (presence) => presence.left.length > 0);
      expect(left).toEqual([joined[0]?.memberId]);
    } finally {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    }
  });
});

describe('a session', () => {
  it('is taken over by a newer stream, which finds its members where they were', async () => {
    await using leat = await startLeat({ 'chat-grace-period': LONG });
    await using ada = openChat(leat.chat);
    await ada.join(ROOM);
    await using older = openChat(leat.chat, { user: 'bob', session: 'phone' });
    const { memberId } = await older.join(ROOM);
    await using newer = openChat(leat.chat, { user: 'bob', session: 'phone' });
    expect(readCallError(await older.ended)).toMatchObject({ code: Status.ABORTED, reason: 'SESSION_TAKEN_OVER' });
    expect(await newer.join(ROOM)).toMatchObject({ memberId, memberCount: 2 });
    newer.say(ROOM, 'still here');
    await ada.take('messages', ({ records }) => records.length > 0);
    expect(ada.all('presence')).toHaveLength(1);
  });

  it('is one of its user: the same id of another user is another member', async () => {
    await using leat = await startLeat({ 'chat-grace-period': LONG });
    await using ada = openChat(leat.chat, { user: 'ada', session: 's' });
    await using bob = openChat(leat.chat, { user: 'bob', session: 's' });
    const [{ memberId }, other] = [await ada.join(ROOM), await bob.join(ROOM)];
    expect(other.memberId).not.toBe(memberId);
    expect(other.members.map(({ user }) => user)).toEqual(['ada', 'bob']);
  });
});

describe('a drain', () => {
  it('ends every stream with UNAVAILABLE and RetryInfo, and nobody sees another one go', async () => {
    await using leat = await startLeat({ 'chat-grace-period': LONG });
    const streams = ['ada', 'bob', 'eve'].map((user) => openChat(leat.chat, { user }));
    for (const stream of streams) await stream.join(ROOM);
    await leat.server.drain();
    for (const stream of streams) {
      expect(readCallError(await stream.ended)).toMatchObject({
        code: Status.UNAVAILABLE,
        reason: 'DRAINING',
        retryAfterMs: expect.any(Number),
      });
      expect(stream.all('presence').flatMap(({ left }) => left)).toEqual([]);
    }
  });
});

describe('a hidden member', () => {
  it('receives and sends, and nobody is told of it', async () => {
    await using leat = await startLeat({ 'chat-grace-period': LONG });
    await using ada = openChat(leat.chat, { user: 'ada' });
    await ada.join(ROOM);
    await using spy = openChat(leat.chat, { user: 'spy' });
    expect(await spy.join(ROOM, { hidden: true })).toMatchObject({ memberCount: 1, members: [{ user: 'ada' }] });
    spy.say(ROOM, 'boo');
    await spy.take('delivered');
    spy.send({ $case: 'setState', value: { room: ROOM, key: 'k', value: Buffer.from('v') } });
    expect(await spy.take('problem')).toMatchObject({ reason: 'MEMBER_HIDDEN', about: { $case: 'key', value: 'k' } });
    spy.send({ $case: 'markRead', value: { room: ROOM, offset: 1n } });
    await spy.settle();
    spy.finish();
    await spy.ended;
    await ada.take('messages', ({ records }) => records.length > 0);
    await ada.settle();
    expect([ada.all('presence'), ada.all('readMarks'), ada.all('state')]).toEqual([[], [], []]);
    // It is in the records all the same: who writes signs.
    expect(ada.records(ROOM)).toMatchObject([{ author: 'spy' }]);
  });
});

describe('half-close', () => {
  it('leaves at once, answers what was sent before, and ends with OK', async () => {
    await using leat = await startLeat({ 'chat-grace-period': LONG });
    await using ada = openChat(leat.chat);
    await ada.join(ROOM);
    const bob = openChat(leat.chat);
    const { memberId } = await bob.join(ROOM);
    for (let message = 0; message < 50; message++) bob.say(ROOM, `${message}`);
    bob.finish();
    expect(await bob.ended).toBeUndefined();
    expect(bob.all('delivered').flatMap(({ deliveries }) => deliveries)).toHaveLength(50);
    await ada.take('presence', ({ left }) => left.includes(memberId));
  });
});

describe('read marks', () => {
  it('are told to others at once, are the same on all devices, and outlive the server’s memory of the room', async () => {
    await using leat = await startLeat({ 'chat-grace-period': '0s' });
    await using ada = openChat(leat.chat, { user: 'ada' });
    await ada.join(ROOM);
    for (const id of ['1', '2', '3']) ada.say(ROOM, id);
    await ada.take('delivered', ({ deliveries }) => deliveries.some(({ offset }) => offset === 3n));
    const bob = openChat(leat.chat, { user: 'bob' });
    await bob.join(ROOM);
    for (const offset of [1n, 3n, 2n]) bob.send({ $case: 'markRead', value: { room: ROOM, offset } });
    await ada.take('readMarks', ({ marks }) => marks.some((mark) => mark.user === 'bob' && mark.offset === 3n));
    await using tablet = openChat(leat.chat, { user: 'bob' });
    expect(await tablet.join(ROOM)).toMatchObject({ readOffset: 3n });
    const marks = [{ user: 'bob', offset: 3n }];
    expect(await leat.chat.getRoom({ room: ROOM })).toMatchObject({ readMarks: marks });
    for (const stream of [bob, tablet, ada]) {
      stream.finish();
      await stream.ended;
    }
    expect(await leat.store.cursor(`rooms/${ROOM}`, 'read:bob')).toMatchObject({ offset: 3 });
    await using later = openChat(leat.chat, { user: 'bob' });
    expect(await later.join(ROOM)).toMatchObject({ readOffset: 3n, memberCount: 1 });
    expect(await later.take('readMarks')).toMatchObject({ marks });
  });
});

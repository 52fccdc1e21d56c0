import { getEventListeners } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLeatClient, type JoinedRoom, type LeatClient, type RoomsOptions } from '../../src/client/index.js';
import { startCuttingProxy } from '../support/cutting-proxy.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { readLog } from '../support/read-log.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { eventually, soon } from '../support/soon.js';

const backoff = { initialMs: 1, maxMs: 20 };
let server: LeatServer;
let resources: ResourceStack;
let names = 0;

beforeAll(async () => void (server = await startLeat({ 'chat-grace-period': '1s' })));
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => void (resources = createResourceStack()));
afterEach(async () => {
  await resources.dispose();
  // Whatever a test left open would be a call on the server.
  await soon('all calls to end', server.idle());
});

const freshRoom = () => `room-${++names}`;

function connect(user: string, options: RoomsOptions = {}, port = server.grpcPort) {
  const client = resources.use(createLeatClient({ address: `127.0.0.1:${port}`, user }));
  return { client, rooms: client.joinRooms({ backoff, ...options }) };
}

async function read(room: JoinedRoom, count: number): Promise<unknown[]> {
  const texts: unknown[] = [];
  const reading = (async () => {
    for await (const { event } of room.messages) if (texts.push(event.payload?.value) === count) return;
  })();
  await soon(`${count} messages of ${room.name}`, reading);
  return texts;
}

const failureOf = (what: string, promise: Promise<unknown>): Promise<unknown> =>
  soon(
    what,
    promise.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );

const users = (room: JoinedRoom) =>
  room
    .snapshot()
    .members.map(({ user }) => user)
    .sort();

const textOf = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

describe('rooms', () => {
  it('bring everybody the same messages in the same order, from where each began', async () => {
    const name = freshRoom();
    const [ann, bob] = [connect('ann').rooms.join(name), connect('bob').rooms.join(name)];
    await soon('both to be in', Promise.all([ann.joined, bob.joined]));
    const sent = ['1', '2', '3', '4'].map((text, index) => (index % 2 === 0 ? ann : bob).send(text));
    const deliveries = await soon('the deliveries', Promise.all(sent));
    expect(deliveries.map(({ offset }) => offset).toSorted()).toEqual([1n, 2n, 3n, 4n]);
    const transcript = await read(ann, 4);
    expect(await read(bob, 4)).toEqual(transcript);
    expect(transcript.toSorted()).toEqual(['1', '2', '3', '4']);

    const { rooms, client } = connect('late');
    const late = rooms.join(name, { start: 'first' });
    expect(await read(late, 4)).toEqual(transcript);
    await late.leave();
    expect(await read(rooms.join(name, { start: { last: 1 } }), 1)).toEqual(transcript.slice(-1));
    const log = await readLog(server.store, `rooms/${name}`);
    expect(log.map(({ author }) => author).toSorted()).toEqual(['ann', 'ann', 'bob', 'bob']);
    expect((await client.chat.getRoom({ room: name })).room).toMatchObject({ headOffset: 4n });
    expect(ann.snapshot().status).toBe('live');
  });

  it('tell who is there, their live state, and how far they have read', async () => {
    const name = freshRoom();
    const ann = connect('ann').rooms.join(name);
    await soon('ann to be in', ann.joined);
    const { rooms } = connect('bob');
    const bob = rooms.join(name);
    await eventually('bob to be seen', () => users(ann).includes('bob'));
    expect(users(ann)).toEqual(users(bob));
    bob.setState('typing', 'yes', { ttlMs: 60_000 });
    const { memberId } = bob.snapshot();
    await eventually('the state', () => textOf(ann.snapshot().states.get(memberId)?.get('typing')) === 'yes');
    await soon('a message', ann.send('hello'));
    bob.markRead(1);
    await eventually('the mark', () => ann.snapshot().readMarks.get('bob') === 1n);
    await rooms.close();
    // It has said goodbye: no grace period.
    await eventually('bob to be gone', () => !users(ann).includes('bob'), 900);
    expect(ann.snapshot().states.has(memberId)).toBe(false);
  });

  it('keep a member, its live state and its place over a cut', async () => {
    const name = freshRoom();
    const ann = connect('ann').rooms.join(name);
    await soon('ann to be in', ann.joined);
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const bob = connect('bob', {}, proxy.port).rooms.join(name);
    bob.setState('mood', 'fine');
    await soon('bob to be in', bob.joined);
    const { memberId } = bob.snapshot();
    const seen: string[][] = [];
    const watching = (async () => {
      for await (const _members of ann.members()) seen.push(users(ann));
    })();
    await eventually('bob', () => users(ann).includes('bob'));
    await eventually('the state', () => ann.snapshot().states.has(memberId));
    proxy.cutNow();
    await eventually('the cut', () => bob.snapshot().status === 'rejoining');
    await soon('a message', ann.send('while you were away'));
    expect(await read(bob, 1)).toEqual(['while you were away']);
    expect(bob.snapshot().memberId).toBe(memberId);
    expect(textOf(ann.snapshot().states.get(memberId)?.get('mood'))).toBe('fine');
    await ann.leave();
    await soon('the end', watching);
    // Nobody saw it go.
    expect(seen.slice(seen.findIndex((each) => each.includes('bob'))).every((each) => each.includes('bob'))).toBe(true);
  });

  it('go over to a newer stream of the same session', async () => {
    const name = freshRoom();
    const [old, newer] = [connect('ann', { sessionId: 'phone' }), connect('ann', { sessionId: 'phone' })];
    // One of the two has the session first, whichever it is.
    const ended = Promise.race([old, newer].map(({ rooms }) => failureOf('one to end', rooms.ended)));
    expect(await ended).toMatchObject({ reason: 'SESSION_TAKEN_OVER' });
    const live = [old, newer].find(({ rooms }) => rooms.snapshot().state !== 'ended');
    const room = live?.rooms.join(name);
    expect(await soon('a send', room?.send('here') ?? Promise.reject(new Error('both ended')))).toMatchObject({
      offset: 1n,
    });
  });

  it('flow on while one room is not read, and nothing of that one is lost', async () => {
    const [slowName, fastName] = [freshRoom(), freshRoom()];
    const writer = connect('writer').rooms;
    const [toSlow, toFast] = [writer.join(slowName), writer.join(fastName)];
    const proxy = resources.use(await startCuttingProxy(server.grpcPort));
    const { rooms } = connect('reader', {}, proxy.port);
    const [slow, fast] = [rooms.join(slowName), rooms.join(fastName)];
    await soon('all to be in', Promise.all([toSlow, toFast, slow, fast].map(({ joined }) => joined)));
    const texts = Array.from({ length: 400 }, (_none, index) => `${index} ${'x'.repeat(2_000)}`);
    for (const text of texts) {
      await writer.ready();
      toSlow.send(text).catch(() => undefined); // The test fails when it is missing.
    }
    await soon('the last', toSlow.send('last'));
    await soon('a message in the other', toFast.send('hello'));
    expect(await read(fast, 1)).toEqual(['hello']);
    // Paused, it is told of nothing more: what has come is a part.
    expect(proxy.bytesToClient).toBeLessThan(400_000);
    expect(await read(slow, 401)).toEqual([...texts, 'last']);
  });

  it('end one by one for what cannot be mended: the messages were given up', async () => {
    const name = freshRoom();
    const { rooms, client } = connect('ann');
    const writer = rooms.join(name);
    for (const text of ['1', '2', '3']) await soon('a send', writer.send(text));
    await client.events.trimTopic({ topic: `rooms/${name}`, beforeOffset: 3n });
    const late = connect('bob').rooms.join(name, { start: { afterOffset: 0 } });
    const error = await failureOf('the join to fail', late.joined);
    expect(error).toMatchObject({ reason: 'OFFSET_TRIMMED', metadata: { first_offset: '3' } });
  });

  it('go on through a drain of the service', async () => {
    const first = await startLeat();
    const { rooms } = connect('ann', {}, first.grpcPort);
    const room = rooms.join('a');
    await soon('the send', room.send('1'));
    const closing = first[Symbol.asyncDispose]();
    await eventually('the drain', () => rooms.snapshot().state === 'reconnecting');
    await closing;
    await rooms.close();
  });
});

describe('an abort', () => {
  const stages: Readonly<Record<string, (client: LeatClient, signal: AbortSignal) => Promise<unknown>>> = {
    'not begun': async (client) => client.joinRooms({ signal: AbortSignal.abort() }).ended,
    connecting: async (client, signal) => client.joinRooms({ signal }).ended,
    joining: async (client, signal) => {
      const rooms = client.joinRooms({ signal });
      for (let number = 1; ; number++) await rooms.join(`a${number}`).joined;
    },
    reading: async (client, signal) => {
      const room = client.joinRooms({ signal }).join('a');
      await room.joined;
      for await (const _message of room.messages) throw new Error('a message');
      return room.ended;
    },
    watching: async (client, signal) => {
      const room = client.joinRooms({ signal }).join('a');
      await room.joined;
      for await (const _members of room.members(signal)) continue;
      return room.ended;
    },
    sending: async (client, signal) => {
      const room = client.joinRooms({ signal }).join('a');
      for (;;) await room.send('x');
    },
    waiting: async (_client, signal) => {
      const { rooms } = connect('nobody', { signal, backoff: { initialMs: 60_000, maxMs: 60_000 } }, 1);
      await eventually('a state', () => rooms.snapshot().state !== 'connecting');
      return rooms.ended;
    },
  };

  it.each(Object.keys(stages))('while %s leaves no call and no listener, and is an AbortError', async (stage) => {
    const { client } = connect('ann');
    const stop = new AbortController();
    const running = failureOf(`the abort while ${stage}`, stages[stage]?.(client, stop.signal) ?? Promise.resolve());
    const timer = setTimeout(() => stop.abort(), Math.random() * 60);
    expect(await running).toMatchObject({ name: 'AbortError' });
    clearTimeout(timer);
    await eventually('the listeners to go', () => getEventListeners(stop.signal, 'abort').length === 0);
  });
});

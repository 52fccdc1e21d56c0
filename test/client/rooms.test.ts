import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { createLeatClient, LeatError, type JoinedRoom, type LeatClient, type Rooms } from '../../src/client/index.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { eventually, soon } from '../support/soon.js';
import { startScriptedChat, type ScriptedChat } from './scripted-chat.js';

const backoff = { initialMs: 1, maxMs: 5 };
let resources: ResourceStack;
let service: ScriptedChat;
let client: LeatClient;

beforeEach(async () => {
  resources = createResourceStack();
  service = resources.use(await startScriptedChat());
  client = resources.use(createLeatClient({ address: service.address }));
});
afterEach(() => resources.dispose());

const textOf = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

/** `count` messages, as their offsets. */
async function read(room: JoinedRoom, count: number): Promise<number[]> {
  const offsets: number[] = [];
  if (count === 0) return offsets;
  const reading = (async () => {
    for await (const { offset } of room.messages) if (offsets.push(Number(offset)) === count) return;
  })();
  await soon(`${count} messages of ${room.name}`, reading);
  return offsets;
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  soon(
    'a failure',
    promise.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );

async function enter(rooms: Rooms, name: string, head = 0) {
  const room = rooms.join(name);
  const stream = await service.nextStream();
  await stream.next('join');
  stream.joined(name, { headOffset: BigInt(head) });
  await soon('joined', room.joined);
  return { room, stream };
}

describe('a reconnect', () => {
  it('names the same session and goes on in every room where it was, each message once and in order', async () => {
    const rooms = client.joinRooms({ backoff });
    const [a, b] = [rooms.join('a', { start: 'first' }), rooms.join('b', { start: { last: 5 }, hidden: true })];
    const first = await service.nextStream();
    expect(await first.next('join')).toMatchObject({ room: 'a', start: { position: { $case: 'fromTime' } } });
    const start = { position: { $case: 'last', value: 5n } };
    expect(await first.next('join')).toMatchObject({ room: 'b', start, hidden: true });
    first.joined('a');
    first.joined('b', { headOffset: 11n, resumeToken: 'token 6' });
    first.messages('a', [1, 2]);
    first.messages('a', [3]);
    expect(await read(a, 3)).toEqual([1, 2, 3]);
    first.end();

    const second = await service.nextStream();
    expect(second.sessionId).toBe(first.sessionId);
    const token = { position: { $case: 'resumeToken', value: 'token 3' } };
    expect(await second.next('join')).toMatchObject({ room: 'a', start: token });
    // Nothing of it had come: the last five are still those of the first time.
    const place = { position: { $case: 'resumeToken', value: 'token 6' } };
    expect(await second.next('join')).toMatchObject({ room: 'b', start: place, hidden: true });
    second.joined('a');
    second.joined('b');
    // The token was one from before the last message.
    second.messages('a', [2, 3, 4]);
    second.messages('b', [7]);
    expect(await read(a, 1)).toEqual([4]);
    expect(await read(b, 1)).toEqual([7]);
    await rooms.close();
  });

  it('of who wants what is new misses nothing that was said since the first time', async () => {
    const rooms = client.joinRooms({ backoff });
    const { stream } = await enter(rooms, 'a', 41);
    stream.end(Status.UNAVAILABLE, 'DRAINING');
    const next = await service.nextStream();
    expect(await next.next('join')).toMatchObject({ start: { position: { $case: 'resumeToken', value: 'token 41' } } });
  });

  it('misses nothing that was said since, where none of what was before is wanted', async () => {
    const rooms = client.joinRooms({ backoff });
    const room = rooms.join('a', { start: { last: 0 } });
    const stream = await service.nextStream();
    expect(await stream.next('join')).toMatchObject({ start: undefined });
    stream.joined('a', { headOffset: 41n });
    await soon('joined', room.joined);
    stream.end(Status.UNAVAILABLE, 'DRAINING');
    const next = await service.nextStream();
    expect(await next.next('join')).toMatchObject({ start: { position: { $case: 'resumeToken', value: 'token 41' } } });
    await rooms.close();
  });

  it('takes an own message that comes before its answer, and one that comes after it', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    const [first, second] = [room.send({ id: '1' }), room.send({ id: '2' })];
    for (const id of ['1', '2']) expect(await stream.next('send')).toMatchObject({ message: { id } });
    const answer = (messageId: string) =>
      stream.send({ $case: 'delivered', value: { room: 'a', deliveries: [{ messageId, offset: BigInt(messageId) }] } });
    stream.messages('a', [1]);
    answer('1');
    answer('2');
    stream.messages('a', [2]);
    expect(await soon('the answers', Promise.all([first, second]))).toMatchObject([{ offset: 1n }, { offset: 2n }]);
    expect(await read(room, 2)).toEqual([1, 2]);
  });

  it('answers everyone who says the same, with the same id, at the same time', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    const leaving = new AbortController();
    const twins = [room.send({ id: 'x' }), room.send({ id: 'x' }), room.send({ id: 'x' }, { signal: leaving.signal })];
    const left = failureOf(twins[2] ?? Promise.resolve());
    leaving.abort();
    expect(await left).toMatchObject({ name: 'AbortError' });
    for (const duplicate of [false, true]) {
      expect(await stream.next('send')).toMatchObject({ message: { id: 'x' } });
      const delivery = { messageId: 'x', offset: 1n, duplicate };
      stream.send({ $case: 'delivered', value: { room: 'a', deliveries: [delivery] } });
    }
    const answers = await soon('the answers', Promise.all(twins.slice(0, 2)));
    expect(answers.map(({ duplicate }) => duplicate)).toEqual([false, true]);
    expect(room.snapshot().pending).toEqual([]);
  });

  it('sends again what nobody has answered for, unchanged and in order, and nothing else', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    const sent = ['x', 'y', 'z'].map((text) => room.send(text));
    const ids: string[] = [];
    for (const _text of sent) ids.push((await stream.next('send')).message?.id ?? '');
    expect([...ids].sort()).toEqual(ids);
    expect(room.snapshot().pending.map(({ id }) => id)).toEqual(ids);
    stream.send({ $case: 'delivered', value: { room: 'a', deliveries: [{ messageId: ids[0], offset: 1n }] } });
    expect(await soon('the first send', sent[0] ?? Promise.reject(new Error()))).toMatchObject({ offset: 1n });
    stream.end(Status.UNAVAILABLE);

    const next = await service.nextStream();
    await next.next('join');
    // Not before one is in: the room might have to be waited for.
    expect(next.frames.map(({ $case }) => $case)).toEqual(['join']);
    next.joined('a');
    for (const [index, text] of ['y', 'z'].entries()) {
      const { message } = await next.next('send');
      expect(message).toMatchObject({ id: ids[index + 1], payload: { $case: 'text', value: text } });
      const delivery = { messageId: message?.id, offset: BigInt(index + 2), duplicate: index === 0 };
      next.send({ $case: 'delivered', value: { room: 'a', deliveries: [delivery] } });
    }
    expect((await Promise.all(sent)).map(({ offset, duplicate }) => [offset, duplicate])).toEqual([
      [1n, false],
      [2n, true],
      [3n, false],
    ]);
    expect(room.snapshot().pending).toEqual([]);
  });

  it('tells live state and read mark again where the service does not know them, and what was set meanwhile once', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    room.setState('same', 'old');
    room.setState('gone', 'x');
    expect(textOf((await stream.next('setState')).value)).toBe('old');
    await stream.next('setState');
    room.markRead(7);
    expect(await stream.next('markRead')).toEqual({ room: 'a', offset: 7n });
    room.markRead(6);
    stream.end();
    const next = await service.nextStream();
    for (let value = 0; value < 100; value++) room.setState('cursor', `${value}`, { ttlMs: 60_000 });
    room.setState('gone', undefined);
    await next.next('join');
    const entries = ['same', 'gone'].map((key) => ({ memberId: 'me', key, value: Buffer.from('old') }));
    next.joined('a', { state: entries, readOffset: 3n });
    const cursor = await next.next('setState');
    expect([cursor.key, textOf(cursor.value)]).toEqual(['cursor', '99']);
    expect(Number(cursor.ttl?.seconds)).toBeGreaterThan(0);
    expect(await next.next('setState')).toMatchObject({ key: 'gone', value: undefined });
    expect(await next.next('markRead')).toEqual({ room: 'a', offset: 7n });
    expect(next.frames.map(({ $case }) => $case)).toEqual(['join', 'setState', 'setState', 'markRead']);
    expect(room.snapshot().readOffset).toBe(7n);
  });

  it('comes when nothing has come for three heartbeats, not even an answer to a ping', async () => {
    const silent = resources.use(await startScriptedChat({ answersPings: false }));
    const rooms = resources.use(createLeatClient({ address: silent.address })).joinRooms({ backoff, heartbeatMs: 50 });
    const stream = await silent.nextStream();
    await stream.next('ping');
    await stream.next('ping');
    await silent.nextStream();
    expect(rooms.snapshot()).toMatchObject({ state: 'reconnecting', error: { reason: 'HEARTBEAT_MISSED' } });
  });
});

describe('a credential', () => {
  it('that has expired is asked for again, and one that is refused at once ends all', async () => {
    const strict = resources.use(await startScriptedChat({ answersPings: false }));
    const tokens = ['first', 'second'];
    const token = () => tokens.shift() ?? 'third';
    const rooms = resources.use(createLeatClient({ address: strict.address, token })).joinRooms({ backoff });
    const stream = await strict.nextStream();
    stream.send({ $case: 'heartbeat', value: {} });
    await eventually('live', () => rooms.snapshot().state === 'live');
    stream.end(Status.UNAUTHENTICATED, 'EXPIRED');
    const next = await strict.nextStream();
    expect(tokens).toEqual([]);
    next.end(Status.UNAUTHENTICATED, 'EXPIRED');
    expect(await failureOf(rooms.ended)).toMatchObject({ code: Status.UNAUTHENTICATED });
  });
});

describe('what cannot be mended by trying again', () => {
  it('ends all rooms if it is the stream: another one has the session', async () => {
    const states: string[] = [];
    const rooms = client.joinRooms({ backoff, onState: ({ state }) => void states.push(state) });
    const { room, stream } = await enter(rooms, 'a');
    stream.messages('a', [1]);
    const sending = room.send('x');
    await stream.next('send');
    stream.end(Status.ABORTED, 'SESSION_TAKEN_OVER');
    const error = await failureOf(rooms.ended);
    expect(error).toBeInstanceOf(LeatError);
    expect(error).toMatchObject({ reason: 'SESSION_TAKEN_OVER', code: Status.ABORTED });
    expect(await failureOf(sending)).toBe(error);
    expect(await failureOf(room.ended)).toBe(error);
    // What had come is read first.
    expect(await read(room, 1)).toEqual([1]);
    expect(await failureOf(read(room, 1))).toBe(error);
    expect(room.snapshot()).toMatchObject({ status: 'ended', error });
    expect(() => rooms.join('b')).toThrow(LeatError);
    expect(states).toEqual(['live', 'ended']);
  });

  it('ends one room if it is about that room, and leaves the others alone', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    const other = rooms.join('b', { start: { afterOffset: 1 } });
    const join = await stream.next('join');
    const metadata = new Map([['first_offset', '7']]);
    const problem = { room: 'b', code: Status.OUT_OF_RANGE, reason: 'OFFSET_TRIMMED', metadata };
    stream.send({ $case: 'problem', value: { ...problem, about: { $case: 'join', value: join } } });
    expect(await failureOf(other.joined)).toMatchObject({ reason: 'OFFSET_TRIMMED', metadata: { first_offset: '7' } });
    // Now it may be entered at another place.
    rooms.join('b');
    await stream.next('join');
    stream.send({
      $case: 'problem',
      value: { room: 'a', about: { $case: 'removed', value: true }, code: 7, reason: 'R' },
    });
    expect(await failureOf(room.ended)).toMatchObject({ reason: 'R' });
    expect(rooms.snapshot().state).toBe('live');
  });

  it('rejects one message, or tells of one key, and waits if the service says so', async () => {
    const problems: unknown[] = [];
    const rooms = client.joinRooms({ backoff });
    const room = rooms.join('a', { onProblem: ({ reason }) => void problems.push(reason) });
    const stream = await service.nextStream();
    await stream.next('join');
    stream.joined('a');
    const [large, good] = [room.send('large'), room.send('good')];
    const problem = { room: 'a', code: Status.RESOURCE_EXHAUSTED };
    const about = async () => ({ $case: 'messageId', value: (await stream.next('send')).message?.id }) as const;
    stream.send({ $case: 'problem', value: { ...problem, about: await about(), reason: 'MESSAGE_TOO_LARGE' } });
    expect(await failureOf(large)).toMatchObject({ reason: 'MESSAGE_TOO_LARGE', code: Status.RESOURCE_EXHAUSTED });
    const [retryDelay, later] = [1e6, 1e8].map((nanos) => ({ seconds: 0n, nanos }));
    const refused = await about();
    stream.send({ $case: 'problem', value: { ...problem, about: refused, reason: 'DISK_FULL', retryDelay } });
    expect(await about()).toEqual(refused);
    stream.send({ $case: 'delivered', value: { room: 'a', deliveries: [{ messageId: refused.value, offset: 1n }] } });
    await soon('the good one', good);
    const several = ['1', '2', '3'].map((text) => room.send(text));
    const ids = [await about(), await about(), await about()];
    for (const each of ids) {
      stream.send({ $case: 'problem', value: { ...problem, about: each, reason: 'DISK_FULL', retryDelay: later } });
    }
    expect([await about(), await about(), await about()]).toEqual(ids);
    const deliveries = ids.map(({ value: messageId }, index) => ({ messageId, offset: BigInt(index + 2) }));
    stream.send({ $case: 'delivered', value: { room: 'a', deliveries } });
    await soon('several', Promise.all(several));
    room.setState('big', 'x');
    await stream.next('setState');
    stream.send({ $case: 'problem', value: { ...problem, about: { $case: 'key', value: 'big' }, reason: 'TOO_MUCH' } });
    await eventually('the problem', () => problems.length > 0);
    expect(problems).toEqual(['TOO_MUCH']);
  });

  const inAnHour = { seconds: 3_600n, nanos: 0 };

  it('holds back a state key that is refused for the moment, and nothing else of the room', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    room.setState('full', 'x');
    await stream.next('setState');
    const refused = { room: 'a', code: Status.RESOURCE_EXHAUSTED, reason: 'STATE_FULL', retryDelay: inAnHour };
    stream.send({ $case: 'problem', value: { ...refused, about: { $case: 'key', value: 'full' } } });
    stream.messages('a', [1]);
    await read(room, 1);
    room.setState('full', 'newer');
    room.setState('other', 'y');
    const sending = room.send('hello');
    room.markRead(1);
    expect(await stream.next('send')).toMatchObject({ room: 'a' });
    expect(await stream.next('setState')).toMatchObject({ key: 'other' });
    expect(await stream.next('markRead')).toMatchObject({ offset: 1n });
    // Removing it needs no space.
    room.setState('full', undefined);
    expect(await stream.next('setState')).toMatchObject({ key: 'full', value: undefined });
    const messageId = room.snapshot().pending[0]?.id ?? '';
    stream.send({ $case: 'delivered', value: { room: 'a', deliveries: [{ messageId, offset: 2n }] } });
    await soon('the send', sending);
    await soon('the end of the room', room.leave());
    expect(stream.frames.map(({ $case }) => $case)).toContain('leave');
  });

  it('holds back a read mark that is refused for the moment, and nothing else of the room', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    room.markRead(1);
    await stream.next('markRead');
    const refused = { room: 'a', code: Status.RESOURCE_EXHAUSTED, reason: 'DISK_FULL' };
    const about = { $case: 'markOffset', value: 1n } as const;
    stream.send({ $case: 'problem', value: { ...refused, about, retryDelay: { seconds: 0n, nanos: 1e6 } } });
    expect(await stream.next('markRead')).toEqual({ room: 'a', offset: 1n });
    stream.send({ $case: 'problem', value: { ...refused, about, retryDelay: inAnHour } });
    stream.messages('a', [1, 2]);
    await read(room, 2);
    room.markRead(2);
    room.setState('k', 'v');
    void room.send('hello').catch(() => undefined); // Nobody answers.
    expect(await stream.next('send')).toMatchObject({ room: 'a' });
    expect(await stream.next('setState')).toMatchObject({ key: 'k' });
    expect(stream.frames.filter(({ $case }) => $case === 'markRead')).toHaveLength(2);
  });

  it('reports a read mark that can never be stored once, and holds nothing back for it', async () => {
    const problems: unknown[] = [];
    const rooms = client.joinRooms({ backoff });
    const room = rooms.join('a', { onProblem: ({ reason }) => void problems.push(reason) });
    const stream = await service.nextStream();
    await stream.next('join');
    stream.joined('a');
    stream.messages('a', [1]);
    await read(room, 1);
    room.markRead(1);
    await stream.next('markRead');
    const about = { $case: 'markOffset', value: 1n } as const;
    const refused = { room: 'a', code: Status.RESOURCE_EXHAUSTED, reason: 'TOO_MANY_CURSORS', retryDelay: inAnHour };
    stream.send({ $case: 'problem', value: { ...refused, about } });
    await eventually('the problem', () => problems.length > 0);
    // The first wakes what could be sent again, the second comes behind it.
    for (const key of ['first', 'second']) {
      room.setState(key, 'v');
      await stream.next('setState');
    }
    expect(problems).toEqual(['TOO_MANY_CURSORS']);
    expect(stream.frames.filter(({ $case }) => $case === 'markRead')).toHaveLength(1);
  });

  it('holds back the messages of a room behind one that is refused for the moment, and nothing else of the room', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    void room.send('first').catch(() => undefined); // Nobody answers.
    const { message } = await stream.next('send');
    const about = { $case: 'messageId', value: message?.id ?? '' } as const;
    const refused = { room: 'a', code: Status.RESOURCE_EXHAUSTED, reason: 'DISK_FULL', retryDelay: inAnHour };
    stream.send({ $case: 'problem', value: { ...refused, about } });
    stream.messages('a', [1]);
    await read(room, 1);
    void room.send('second').catch(() => undefined); // Nobody answers.
    room.setState('k', 'v');
    room.markRead(1);
    await stream.next('setState');
    await stream.next('markRead');
    expect(stream.frames.filter(({ $case }) => $case === 'send')).toHaveLength(1);
  });

  it('no longer shows the mark of a user that could not be stored', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    const tell = (offset: bigint) =>
      stream.send({ $case: 'readMarks', value: { room: 'a', marks: [{ user: 'ann', offset }] } });
    tell(4n);
    await eventually('the mark', () => room.snapshot().readMarks.get('ann') === 4n);
    tell(0n);
    await eventually('the mark to go', () => !room.snapshot().readMarks.has('ann'));
  });
});

describe('bounds', () => {
  it('hold back the messages of a room that nobody reads, and not those of others', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room: slow, stream } = await enter(rooms, 'slow');
    const fast = rooms.join('fast');
    await stream.next('join');
    stream.joined('fast');
    const all = Array.from({ length: 300 }, (_none, index) => index + 1);
    stream.messages('slow', all);
    expect(await stream.next('pause')).toEqual({ room: 'slow', paused: true });
    stream.messages('fast', [1]);
    expect(await read(fast, 1)).toEqual([1]);
    // A new stream knows of no pause.
    stream.end();
    const next = await service.nextStream();
    await next.next('join');
    next.joined('slow');
    expect(await next.next('pause')).toEqual({ room: 'slow', paused: true });
    expect(await read(slow, 300)).toEqual(all);
    expect(await next.next('pause')).toEqual({ room: 'slow', paused: false });
  });

  it('hold back every room that is not read when too much waits in all of them', async () => {
    const rooms = client.joinRooms({ backoff });
    const many = Array.from({ length: 200 }, (_none, index) => rooms.join(`r${index}`));
    const stream = await service.nextStream();
    const value = 'x'.repeat(50_000);
    for (const { name } of many) {
      await stream.next('join');
      stream.joined(name);
      const event = { id: '1', payload: { $case: 'text' as const, value } };
      stream.messages(name, [1], { records: [{ offset: 1n, event }] });
    }
    // Each alone could wait.
    const { room } = await stream.next('pause');
    const paused = many.find(({ name }) => name === room);
    for (const each of many) if (each !== paused) await read(each, 1);
    await read(paused ?? rooms.join(room), 1);
    expect(await stream.next('pause')).toMatchObject({ paused: true });
    await eventually('the first to go on', () =>
      stream.frames.some((frame) => frame.$case === 'pause' && !frame.value.paused && frame.value.room === room),
    );
  });

  it('do not hold back a room whose messages are only kept in its snapshot', async () => {
    const rooms = client.joinRooms({ backoff });
    const room = rooms.join('a', { keep: 2 });
    const stream = await service.nextStream();
    stream.joined('a');
    stream.messages(
      'a',
      Array.from({ length: 300 }, (_none, index) => index + 1),
    );
    await eventually('messages', () => room.snapshot().messages.length > 0);
    expect(room.snapshot().messages.map(({ offset }) => offset)).toEqual([299n, 300n]);
    stream.messages('a', [301]);
    expect(await read(room, 0)).toEqual([]);
    await eventually('the next', () => room.snapshot().messages.at(-1)?.offset === 301n);
    expect(stream.frames.map(({ $case }) => $case)).not.toContain('pause');
  });

  it('let so many sends be under way, and the others wait for their turn, in order', async () => {
    const rooms = client.joinRooms({ backoff, maxUnacknowledged: 2 });
    const { room, stream } = await enter(rooms, 'a');
    const stop = new AbortController();
    const sent = ['1', '2', '3', '4', '5'].map((text) =>
      room.send(text, text === '3' ? { signal: stop.signal } : undefined),
    );
    expect(room.snapshot().pending).toHaveLength(5);
    const texts: unknown[] = [];
    const answer = async () => {
      const { message } = await stream.next('send');
      texts.push(message?.payload?.value);
      // Nothing else is under way beside the one before.
      expect(stream.frames.filter(({ $case }) => $case === 'send').length).toBeLessThanOrEqual(texts.length + 1);
      const deliveries = [{ messageId: message?.id, offset: BigInt(texts.length) }];
      stream.send({ $case: 'delivered', value: { room: 'a', deliveries } });
    };
    stop.abort();
    expect(await failureOf(sent[2] ?? Promise.resolve())).toMatchObject({ name: 'AbortError' });
    let isReady = false;
    const ready = rooms.ready().then(() => (isReady = true));
    expect(isReady).toBe(false);
    for (const index of [0, 1, 3, 4]) {
      await answer();
      await soon(`send ${index}`, sent[index] ?? Promise.reject(new Error()));
    }
    await soon('room for more', ready);
    expect(texts).toEqual(['1', '2', '4', '5']);
  });
});

describe('leaving', () => {
  it('waits for what was said, and lets the room be entered again with nothing left over', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    const sending = room.send('last words');
    expect(() => rooms.join('a')).toThrow('leave it first');
    const leaving = room.leave();
    expect(await failureOf(room.send('no more'))).toMatchObject({ reason: 'CLIENT_CLOSED' });
    const { message } = await stream.next('send');
    stream.send({ $case: 'delivered', value: { room: 'a', deliveries: [{ messageId: message?.id, offset: 1n }] } });
    await sending;
    await stream.next('leave');
    stream.messages('a', [2]);
    await soon('the end of the room', leaving);
    expect(await read(room, 1).catch(() => 'over')).toEqual([]);
    const again = rooms.join('a');
    await stream.next('join');
    stream.joined('a');
    stream.messages('a', [3]);
    expect(await read(again, 1)).toEqual([3]);
  });

  it('is a half-close when all is closed, after what is under way is durable', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    const sending = room.send('x');
    const closing = client.close();
    const { message } = await stream.next('send');
    expect(stream.isOpen).toBe(true);
    stream.send({ $case: 'delivered', value: { room: 'a', deliveries: [{ messageId: message?.id, offset: 1n }] } });
    expect(await soon('the send', sending)).toMatchObject({ offset: 1n });
    await soon('the half-close', stream.halfClosed);
    await soon('the end', closing);
    await rooms.ended;
    await room.ended;
    expect(rooms.snapshot()).toEqual({ state: 'ended', error: undefined });
    for await (const _message of room.messages) throw new Error('a message after the end');
  });
});

describe('who is there, live state and read marks', () => {
  it('are what the service tells, in objects that stay the same until they change', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    const ann = { memberId: 'ann-1', user: 'ann' };
    let told = 0;
    const unsubscribe = room.subscribe(() => void told++);
    const before = room.snapshot();
    expect(room.snapshot()).toBe(before);
    stream.send({ $case: 'presence', value: { room: 'a', joined: [ann] } });
    await eventually('ann', () => room.snapshot().members.length === 1);
    const { states } = room.snapshot();
    expect([before.members.length, room.snapshot().memberCount, told > 0]).toEqual([0, 1, true]);
    expect(states).toBe(before.states);
    unsubscribe();

    const entry = (value?: string) => ({ memberId: 'ann-1', key: 'k', value: value && Buffer.from(value) }) as const;
    const seen: (string | undefined)[] = [];
    const watching = (async () => {
      for await (const each of room.states()) seen.push(textOf(each.get('ann-1')?.get('k')));
    })();
    for (const value of ['1', '2', undefined]) {
      stream.send({
        $case: 'state',
        value: { room: 'a', entries: [{ ...entry(value), value: value ? Buffer.from(value) : undefined }] },
      });
      await eventually('the state', () => seen.at(-1) === value && seen.length > 1);
    }
    stream.send({ $case: 'readMarks', value: { room: 'a', marks: [{ user: 'ann', offset: 4n }] } });
    stream.send({ $case: 'presence', value: { room: 'a', left: ['ann-1'] } });
    await eventually('ann gone', () => room.snapshot().memberCount === 0);
    expect(room.snapshot().readMarks).toEqual(new Map([['ann', 4n]]));
    await rooms.close();
    await soon('the end of the loop', watching);
    expect(seen).toEqual([undefined, '1', '2', undefined]);
  });

  it('count everybody once in a room that is told bit by bit, and stay live when it is told again', async () => {
    const rooms = client.joinRooms({ backoff });
    const { room, stream } = await enter(rooms, 'a');
    const member = (name: string) => ({ memberId: name, user: name });
    const tell = (joined: string[], left: string[] = []) =>
      stream.send({ $case: 'presence', value: { room: 'a', joined: joined.map(member), left } });
    const become = (count: number, names: string) =>
      eventually(`${count} members: ${names}`, () => {
        const { memberCount, members } = room.snapshot();
        return memberCount === count && members.map(({ user }) => user).join('') === names;
      });
    stream.messages('a', [1]);
    await eventually('live', () => room.snapshot().status === 'live');
    // Four are there, and the third has left before one is told of it.
    stream.joined('a', { members: [member('a'), member('b')], memberCount: 4 });
    await become(4, 'ab');
    tell(['d', 'e'], ['c']);
    await become(4, 'abde');
    tell([], ['a']);
    await become(3, 'bde');
    tell(['f']);
    await become(4, 'bdef');
    tell(['f'], ['nobody']);
    await become(4, 'bdef');
    expect(room.snapshot().status).toBe('live');
  });
});

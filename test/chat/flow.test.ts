import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { createChannel, createClientFactory } from 'nice-grpc';
import { ChatResponse, ChatServiceDefinition, SendMessageRequest } from '../../gen/leat/v1/chat_service.js';
import { chatFrame, helloFrame, joinFrame, sendFrame } from '../support/chat-frames.js';
import { openChat } from '../support/chat-stream.js';
import { spawnServer } from '../support/child-server.js';
import { startLeat } from '../support/leat-server.js';
import { type RawCall, connectRaw, frame } from '../support/raw-http2.js';
import { makeTempDir } from '../support/temp-dir.js';
import { until } from '../support/until.js';

const MIB = 1024 * 1024;

describe('a member that does not read', () => {
  it('is not read any more once 256 answers wait for it', async () => {
    await using leat = await startLeat();
    await using ada = openChat(leat.chat);
    await ada.join('full');
    for (let message = 0; message < 20; message++) ada.say('full', `of ada ${message}`, 'x'.repeat(30_000));
    await ada.take('messages', ({ readOffset }) => readOffset === 20n);
    const stored = async () => (await leat.store.topic('rooms/full'))?.headOffset ?? 0;

    await using connection = await connectRaw(leat.grpcPort);
    const call = connection.call('/leat.v1.ChatService/Chat', { paused: true });
    // Its window and the 64 KiB that may wait for its socket are filled by what ada has said.
    call.stream.write(Buffer.concat([helloFrame(), joinFrame('full', 0n)]));
    await once(call.stream, 'readable');
    call.stream.write(Buffer.concat(Array.from({ length: 2_000 }, (_, index) => sendFrame('full', `${index}`))));
    // What comes behind it on the same connection is answered: all of it has reached the service.
    const probe = connection.call('/leat.v1.ChatService/SendMessage');
    const request = SendMessageRequest.fromPartial({ room: 'probe', message: { id: 'probe' } });
    probe.stream.end(frame(SendMessageRequest.encode(request).finish()));
    expect(await probe.ended).toMatchObject({ status: 0 });
    await until(async () => (await stored()) >= 20 + 256);
    // The store writes in the order in which it is asked: what had been read before this would be there before it.
    ada.say('full', 'of ada, later');
    const { deliveries } = await ada.take('delivered', (each) => each.deliveries[0]?.messageId === 'of ada, later');
    expect(Number(deliveries[0]?.offset)).toBeLessThan(20 + 256 + 40);
    expect(await stored()).toBe(Number(deliveries[0]?.offset));
    call.stream.close(8);
  });

  it('costs others nothing: they go on, and it has everything when it reads', async () => {
    await using leat = await startLeat();
    await using connection = await connectRaw(leat.grpcPort);
    const call = connection.call('/leat.v1.ChatService/Chat', { paused: true });
    call.stream.write(Buffer.concat([helloFrame(), joinFrame('slow', 0n)]));
    await once(call.stream, 'response');
    await using ada = openChat(leat.chat);
    await using bob = openChat(leat.chat);
    await Promise.all([ada.join('slow'), bob.join('slow')]);
    const payload = { $case: 'data' as const, value: Buffer.alloc(60_000) };
    for (let message = 0; message < 40; message++) {
      ada.send({ $case: 'send', value: { room: 'slow', message: { id: `${message}`, payload } } });
      if (message % 20 === 19) await bob.take('messages', ({ readOffset }) => readOffset > message);
    }
    expect(bob.records('slow')).toHaveLength(40);
    let bytes = 0;
    call.stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await until(() => bytes >= 40 * 60_000);
    call.stream.close(8);
  });
});

describe('memory', () => {
  it('stays bounded while members who do not read are in rooms in which much is said and shown', async () => {
    await using dir = await makeTempDir();
    await using server = spawnServer({ 'data-dir': dir.path });
    const { grpcPort } = await server.serving;
    const channel = createChannel(`127.0.0.1:${grpcPort}`);
    await using ada = openChat(createClientFactory().create(ChatServiceDefinition, channel));
    await ada.join('much');
    await using connection = await connectRaw(grpcPort);
    const stopped: RawCall[] = [];
    for (let member = 0; member < 100; member++) {
      const call = connection.call('/leat.v1.ChatService/Chat', { paused: true });
      call.stream.write(Buffer.concat([helloFrame(), joinFrame('much')]));
      stopped.push(call);
    }
    await Promise.all(stopped.map(({ stream }) => once(stream, 'readable')));
    const before = server.residentBytes();
    const value = Buffer.alloc(30_000);
    for (let round = 0; round < 120; round++) {
      ada.send({ $case: 'setState', value: { room: 'much', key: `${round % 50}`, value } });
      ada.send({
        $case: 'send',
        value: { room: 'much', message: { id: `${round}`, payload: { $case: 'data', value } } },
      });
      if (round % 30 === 29) await ada.take('messages', ({ readOffset }) => readOffset > round);
    }
    // 100 members times 120 rounds times 60 KB are 720 MB that none of them has read.
    expect(server.residentBytes() - before).toBeLessThan(128 * MIB);
    for (const { stream } of stopped) stream.close(8);
    channel.close();
  });

  it('tells a member who comes back to reading the newest values only', async () => {
    await using leat = await startLeat();
    await using ada = openChat(leat.chat);
    await ada.join('pointer');
    await using connection = await connectRaw(leat.grpcPort);
    connection.session.settings({ initialWindowSize: 100 });
    const call = connection.call('/leat.v1.ChatService/Chat', { paused: true });
    call.stream.write(Buffer.concat([helloFrame(), joinFrame('pointer')]));
    await ada.take('presence');
    const value = (index: number) => Buffer.alloc(10_000, index % 256);
    for (let index = 0; index < 400; index++) {
      ada.send({ $case: 'setState', value: { room: 'pointer', key: 'k', value: value(index) } });
      if (index % 100 === 99) await ada.settle();
    }
    const nonce = 7n;
    call.stream.write(chatFrame({ $case: 'ping', value: { nonce } }));
    let bytes = 0;
    let last = Buffer.alloc(0);
    call.stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      last = Buffer.concat([last, chunk]).subarray(-12_000);
    });
    await until(() => last.includes(value(399)));
    // 4 MB were shown; what waited for the socket, and the newest value, is what came.
    expect(bytes).toBeLessThan(MIB);
    call.stream.close(8);
  });
});

describe('fairness', () => {
  it('delivers what is new in one room while a long history of another is read', async () => {
    await using leat = await startLeat();
    await using ada = openChat(leat.chat);
    const payload = { $case: 'data' as const, value: Buffer.alloc(50_000) };
    await Promise.all(['old', 'new'].map((room) => ada.join(room)));
    for (let message = 0; message < 60; message++) {
      ada.send({ $case: 'send', value: { room: 'old', message: { id: `old message ${message}.`, payload } } });
    }
    await ada.take('delivered', ({ deliveries }) => deliveries.some(({ offset }) => offset === 60n));
    await using connection = await connectRaw(leat.grpcPort);
    const call = connection.call('/leat.v1.ChatService/Chat', { paused: true });
    call.stream.write(Buffer.concat([helloFrame(), joinFrame('new'), joinFrame('old', 0n)]));
    await ada.take('presence', ({ room }) => room === 'old');
    // It reads nothing yet: as much of the history is on its way as may be.
    ada.say('new', 'the fresh message');
    await ada.take('messages', ({ room, records }) => room === 'new' && records.length > 0);
    let bytes = Buffer.alloc(0);
    call.stream.on('data', (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])));
    await until(() => bytes.includes('old message 59.'));
    const places = Array.from({ length: 60 }, (_, index) => bytes.indexOf(`old message ${index}.`));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    // The client's window, what waits for the socket, and the messages that cross their borders.
    const before = places.filter((place) => place < bytes.indexOf('the fresh message'));
    expect(bytes.includes('the fresh message')).toBe(true);
    expect(before.length).toBeLessThan(8);
    call.stream.close(8);
  });

  it('holds back the messages of a room that is paused, and nothing else', async () => {
    await using leat = await startLeat();
    await using ada = openChat(leat.chat);
    await using bob = openChat(leat.chat);
    for (const room of ['a', 'b']) await Promise.all([ada.join(room), bob.join(room)]);
    await bob.settle();
    bob.send({ $case: 'pause', value: { room: 'a', paused: true } });
    await bob.settle();
    for (const room of ['a', 'b']) ada.say(room, `in ${room}`);
    ada.send({ $case: 'setState', value: { room: 'a', key: 'k', value: Buffer.from('v') } });
    await bob.take('messages', ({ room, records }) => room === 'b' && records.length > 0);
    await bob.take('state', ({ room }) => room === 'a');
    await bob.settle();
    expect(bob.records('a')).toEqual([]);
    bob.send({ $case: 'pause', value: { room: 'a', paused: false } });
    await bob.take('messages', ({ room, records }) => room === 'a' && records.length > 0);
    expect(bob.records('a')).toMatchObject([{ event: { id: 'in a' } }]);
  });
});

describe('many', () => {
  it('500 rooms on one stream, each with what is said in it', async () => {
    await using leat = await startLeat();
    await using ada = openChat(leat.chat);
    const rooms = Array.from({ length: 500 }, (_, index) => `many/${index}`);
    for (const room of rooms) ada.send({ $case: 'join', value: { room } });
    await ada.take('joined', ({ room }) => room === rooms.at(-1));
    await ada.settle();
    for (const room of rooms) ada.say(room, 'hello');
    for (const name of rooms) await ada.take('messages', ({ room, records }) => room === name && records.length > 0);
    for (const room of [rooms[0], rooms[249], rooms[499]]) expect(ada.records(room ?? '')).toHaveLength(1);
    expect(ada.all('problem')).toEqual([]);
  });

  it('200 members in one room, all of whom get everything and know of each other', async () => {
    await using leat = await startLeat();
    const members = Array.from({ length: 200 }, (_, index) => openChat(leat.chat, { user: `u${index}` }));
    await Promise.all(members.map((member) => member.join('large')));
    const [speaker] = members;
    for (let message = 0; message < 20; message++) speaker?.say('large', `${message}`);
    await Promise.all(members.map((member) => member.take('messages', ({ readOffset }) => readOffset === 20n)));
    for (const member of members) expect(member.records('large')).toHaveLength(20);
    await Promise.all(members.map((member) => member.settle()));
    for (const member of members) {
      const known = new Set(
        [
          ...member.all('joined').flatMap((joined) => joined.members),
          ...member.all('presence').flatMap((p) => p.joined),
        ].map(({ user }) => user),
      );
      // Of itself a member may learn from RoomJoined alone.
      expect(known.size).toBe(200);
    }
    await Promise.all(members.map((member) => member[Symbol.asyncDispose]()));
  });

  it('10,000 rooms are what a stream may have', async () => {
    await using leat = await startLeat();
    await using connection = await connectRaw(leat.grpcPort);
    // A client of gRPC would take longer for the answers than the service.
    const call = connection.call('/leat.v1.ChatService/Chat', { paused: true });
    const chunks: Buffer[] = [];
    call.stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const joins = Array.from({ length: 10_001 }, (_, room) => joinFrame(`limit/${room}`));
    call.stream.end(Buffer.concat([helloFrame(), ...joins]));
    expect(await call.ended).toMatchObject({ status: 0 });
    const frames = responsesIn(Buffer.concat(chunks));
    const problems = frames.filter((each) => each?.$case === 'problem').map(({ value }) => value);
    expect(problems).toMatchObject([{ reason: 'TOO_MANY_ROOMS', about: { $case: 'join' } }]);
    expect(frames.filter((each) => each?.$case === 'joined')).toHaveLength(10_000);
  });
});

/** All frames of a stream's bytes. */
function responsesIn(bytes: Buffer) {
  const frames: NonNullable<ChatResponse['frame']>[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    const { frame: response } = ChatResponse.decode(bytes.subarray(at + 5, end));
    if (response) frames.push(response);
    at = end;
  }
  return frames;
}

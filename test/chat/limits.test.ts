import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createChannel, createClientFactory, Status } from 'nice-grpc';
import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { readCallError } from '../support/call-error.js';
import { type ChatStream, openChat } from '../support/chat-stream.js';
import { startLeat } from '../support/leat-server.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';

let resources: ResourceStack;
beforeEach(() => void (resources = createResourceStack()));
afterEach(() => resources.dispose());

/** Joins; returns the reason if that is refused. */
async function tryJoin(stream: ChatStream, room: string): Promise<string | undefined> {
  stream.send({ $case: 'join', value: { room } });
  await stream.settle();
  const problem = stream.all('problem').find(({ about }) => about?.$case === 'join' && about.value.room === room);
  return problem?.reason;
}

describe('a Chat stream', () => {
  it('ends with HELLO_TIMEOUT when no hello comes, and only then', async () => {
    const leat = resources.use(await startLeat({ 'chat-hello-timeout': '200ms' }));
    const polite = resources.use(openChat(leat.chat));
    await polite.settle();
    const silent = resources.use(openChat(leat.chat, { silent: true }));
    const error = readCallError(await silent.ended);
    expect(error).toMatchObject({ code: Status.UNAVAILABLE, reason: 'HELLO_TIMEOUT' });
    // Its time would have been over before.
    await polite.settle();
  });
});

describe('memberships', () => {
  it('of one caller are bounded over all its streams, and those of others are not touched', async () => {
    const leat = resources.use(await startLeat({ 'max-chat-memberships-per-caller': 3 }));
    const [phone, laptop] = [openChat(leat.chat, { user: 'ada' }), openChat(leat.chat, { user: 'ada' })];
    const bob = openChat(leat.chat, { user: 'bob' });
    for (const stream of [phone, laptop, bob]) resources.use(stream);
    await phone.join('a');
    await phone.join('b');
    await laptop.join('a');
    expect(await tryJoin(laptop, 'c')).toBe('TOO_MANY_MEMBERSHIPS');
    expect(laptop.all('problem')[0]).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    expect(laptop.all('problem')[0]?.metadata.get('limit')).toBe('3');
    // A room that could not be entered is not there.
    expect(readCallError(await leat.chat.getRoom({ room: 'c' }).catch((error: unknown) => error))).toMatchObject({
      reason: 'ROOM_NOT_FOUND',
    });
    for (const room of ['a', 'b', 'c']) expect(await tryJoin(bob, room)).toBeUndefined();
    phone.send({ $case: 'leave', value: { room: 'b' } });
    await phone.settle();
    expect(await tryJoin(laptop, 'd')).toBeUndefined();
  });

  it('of anonymous callers are bounded for each connection', async () => {
    const leat = resources.use(await startLeat({ 'max-chat-memberships-per-caller': 2 }));
    const channel = createChannel(`127.0.0.1:${leat.grpcPort}`, undefined, { 'grpc.use_local_subchannel_pool': 1 });
    const other = resources.use(openChat(createClientFactory().create(ChatServiceDefinition, channel)));
    const streams = [openChat(leat.chat), openChat(leat.chat)];
    for (const stream of streams) resources.use(stream);
    await streams[0]?.join('a');
    await streams[1]?.join('a');
    for (const stream of streams) expect(await tryJoin(stream, 'b')).toBe('TOO_MANY_MEMBERSHIPS');
    expect(await tryJoin(other, 'b')).toBeUndefined();
    channel.close();
  });

  it('of all together are bounded, those in their grace period too, and whoever comes back has its own', async () => {
    const leat = resources.use(await startLeat({ 'max-chat-memberships': 2, 'chat-grace-period': '5m' }));
    const ada = openChat(leat.chat, { user: 'ada', session: 's' });
    await ada.join('a');
    await ada.join('b');
    ada.abort();
    await leat.idle();
    const bob = resources.use(openChat(leat.chat, { user: 'bob' }));
    expect(await tryJoin(bob, 'c')).toBe('CHAT_FULL');
    expect(bob.all('problem')[0]).toMatchObject({ code: Status.RESOURCE_EXHAUSTED, retryDelay: { seconds: 5n } });
    const again = resources.use(openChat(leat.chat, { user: 'ada', session: 's' }));
    await again.join('a');
    await again.join('b');
    again.send({ $case: 'leave', value: { room: 'b' } });
    await again.settle();
    expect(await tryJoin(bob, 'c2')).toBeUndefined();
  });
});

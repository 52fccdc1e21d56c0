import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { crc32c } from '@node-rs/crc32';
import { BlobServiceDefinition } from '../../gen/leat/v1/blob_service.js';
import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { UploadServiceDefinition } from '../../gen/leat/v1/upload_service.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { openChat } from '../support/chat-stream.js';
import { reencoded, registry } from '../support/protobuf-es.js';
import { withRawResponses } from '../support/raw-client.js';
import { chunkFrame, chunkFrames, finishFrame, startFrame, type UploadFrame } from '../support/uploads.js';

let leat: LeatServer;
beforeAll(async () => {
  // A heartbeat is waited for.
  leat = await startLeat({ 'heartbeat-interval': '1s' });
});
afterAll(() => leat[Symbol.asyncDispose]());

interface Method {
  readonly name: string;
  readonly responseType: { decode(bytes: Uint8Array): unknown };
}

/** The rpcs whose responses were compared, as `Service.Method`. */
const compared = new Set<string>();

/** Both decoders find the same values in the response. Returns them, decoded. */
function compare<M extends Method>(
  service: { readonly name: string },
  method: M,
  bytes: Uint8Array,
  { mayBeEmpty = false } = {},
) {
  const decode = (from: Uint8Array) => method.responseType.decode(from) as ReturnType<M['responseType']['decode']>;
  const decoded = decode(bytes);
  expect(decode(reencoded(`leat.v1.${method.name}Response`, bytes))).toEqual(decoded);
  if (!mayBeEmpty) expect(bytes.length).toBeGreaterThan(0);
  compared.add(`${service.name}.${method.name}`);
  return decoded;
}

const attributes = new Map([
  ['region', 'eu'],
  ['note', 'größer 😀 \uFEFF'],
]);

async function* streamOf<T>(...messages: T[]) {
  yield* messages;
}

async function compareUsers(): Promise<void> {
  const client = leat.client(withRawResponses(UserServiceDefinition));
  const { createUser, getUser, updateUser, listUsers, deleteUser } = UserServiceDefinition.methods;
  const user = { userId: 'ada', name: 'Ada Łovelace', email: 'ada@example.org', attributes };
  const on = UserServiceDefinition;
  const created = compare(on, createUser, await client.createUser({ user }));
  expect(created).toMatchObject({ user: { name: user.name, attributes } });
  compare(on, createUser, await client.createUser({ user }));
  compare(on, getUser, await client.getUser({ key: { $case: 'email', value: 'ADA@example.org' } }));
  compare(on, updateUser, await client.updateUser({ user: { userId: 'ada', name: 'Ada' } }));
  await client.createUser({ user: { userId: 'bob', name: 'Bob' } });
  const page = compare(on, listUsers, await client.listUsers({ pageSize: 1 }));
  expect(page).toMatchObject({ users: [{ userId: 'ada' }], nextPageToken: expect.stringMatching(/./) });
  compare(on, deleteUser, await client.deleteUser({ userId: 'ada' }));
}

async function compareEvents(): Promise<void> {
  const client = leat.client(withRawResponses(EventServiceDefinition));
  const methods = EventServiceDefinition.methods;
  const on = EventServiceDefinition;
  const topic = 'orders/eu';
  const event = {
    id: 'e1',
    type: 'order.created',
    subject: 'orders/1',
    time: { seconds: -1n, nanos: 999_999_999 },
    contentType: 'application/json',
    payload: { $case: 'text' as const, value: '{"größe":1}' },
    attributes,
    source: '//shop',
  };
  compare(on, methods.publishEvent, await client.publishEvent({ topic, event }));
  compare(on, methods.publishEvent, await client.publishEvent({ topic, event }));
  const many = Array.from({ length: 700 }, (_, i) => ({
    type: 't',
    payload: { $case: 'data' as const, value: new Uint8Array(i) },
  }));
  const batch = { topic, events: many, producer: { producerId: 'p', firstSequence: 1n } };
  compare(on, methods.publishEvents, await client.publishEvents(streamOf(batch)));
  let pages = 0;
  for await (const bytes of client.listEvents({ topic })) {
    const page = compare(on, methods.listEvents, bytes);
    if (pages++ === 0)
      expect(page).toMatchObject({ records: expect.arrayContaining([expect.objectContaining({ event })]) });
  }
  expect(pages).toBeGreaterThan(2);
  compare(on, methods.getProducer, await client.getProducer({ topic, producerId: 'p' }));
  compare(on, methods.commitCursor, await client.commitCursor({ topic, cursor: 'c', offset: 7n }));
  const retention = { maxAge: { seconds: 3600n }, maxBytes: 1n << 40n, maxEvents: 5n };
  const updated = compare(on, methods.updateTopic, await client.updateTopic({ topic: { topic, retention } }));
  expect(updated).toMatchObject({ topic: { retention: { maxBytes: 1n << 40n, maxEvents: 5n } } });
  compare(on, methods.getTopic, await client.getTopic({ topic }));
  compare(on, methods.listTopics, await client.listTopics({ pageSize: 1 }));
  compare(on, methods.trimTopic, await client.trimTopic({ topic, beforeOffset: 3n }));
  compare(on, methods.deleteTopic, await client.deleteTopic({ topic }));
}

/** A conversation in which a frame of every kind comes. */
async function compareConversation(): Promise<void> {
  const client = leat.client(withRawResponses(ChatServiceDefinition));
  const room = 'spoken';
  await using ada = openChat(leat.chat, { user: 'ada' });
  await ada.join(room);
  const value = Buffer.from('v');
  const talk = async function* () {
    yield { frame: { $case: 'hello' as const, value: { sessionId: 's' } } };
    yield { frame: { $case: 'join' as const, value: { room } } };
    await ada.take('presence');
    const message = { id: 'm', payload: { $case: 'text' as const, value: '😀' }, attributes };
    yield { frame: { $case: 'send' as const, value: { room, message } } };
    yield { frame: { $case: 'send' as const, value: { room, message: { ...message, id: '' } } } };
    await ada.take('messages', ({ records }) => records.length > 0);
    ada.send({ $case: 'markRead', value: { room, offset: 1n } });
    ada.send({ $case: 'setState', value: { room, key: 'k', value } });
    ada.send({ $case: 'setState', value: { room, key: 'gone', value } });
    ada.send({ $case: 'setState', value: { room, key: 'gone' } });
    await ada.settle();
    ada.finish();
    yield { frame: { $case: 'ping' as const, value: { nonce: -1n } } };
    await hasEnough;
  };
  let enough: () => void = () => undefined;
  const hasEnough = new Promise<void>((resolve) => (enough = resolve));
  const kinds = new Set<string>();
  for await (const bytes of client.chat(talk())) {
    const { frame } = compare(ChatServiceDefinition, ChatServiceDefinition.methods.chat, bytes);
    kinds.add(frame?.$case ?? '');
    if (kinds.size === 9) enough();
  }
  expect(kinds.size).toBe(9);
}

async function compareRooms(): Promise<void> {
  const client = leat.client(withRawResponses(ChatServiceDefinition));
  const { getRoom, listMessages, listRooms, sendMessage } = ChatServiceDefinition.methods;
  const on = ChatServiceDefinition;
  const room = 'decoded';
  compare(on, sendMessage, await client.sendMessage({ room, message: { id: 'm', attributes } }));
  compare(on, listMessages, await client.listMessages({ room }));
  await using ada = openChat(leat.chat, { user: 'ada' });
  await ada.join(room);
  ada.send({ $case: 'markRead', value: { room, offset: 1n } });
  await ada.settle();
  compare(on, getRoom, await client.getRoom({ room }));
  compare(on, listRooms, await client.listRooms({ pageSize: 1 }));
}

async function compareFiles(): Promise<void> {
  const uploads = leat.client(withRawResponses(UploadServiceDefinition));
  const blobs = leat.client(withRawResponses(BlobServiceDefinition));
  const up = UploadServiceDefinition.methods;
  const down = BlobServiceDefinition.methods;
  const content = randomBytes(300_000);
  const start = startFrame('file', { name: 'größe 😀', size: 300_000n });
  const sendAs = (...frames: UploadFrame[]) => uploads.uploadChunks(streamOf(...frames));
  const part = compare(UploadServiceDefinition, up.uploadChunks, await sendAs(start, chunkFrame(content, 0, 100_000)));
  expect(part).toMatchObject({ upload: { name: 'größe 😀', committedSize: 100_000n, size: 300_000n } });
  compare(UploadServiceDefinition, up.getUpload, await uploads.getUpload({ uploadId: 'file' }));
  compare(UploadServiceDefinition, up.listUploads, await uploads.listUploads({}));
  const rest = chunkFrames(content, { from: 100_000 });
  compare(UploadServiceDefinition, up.uploadChunks, await sendAs(start, ...rest, finishFrame(content)));
  compare(UploadServiceDefinition, up.getUpload, await uploads.getUpload({ uploadId: 'file' }));
  await sendAs(startFrame('given-up'));
  const cancelled = await uploads.cancelUpload({ uploadId: 'given-up' });
  compare(UploadServiceDefinition, up.cancelUpload, cancelled, { mayBeEmpty: true });
  let size = 0;
  for await (const bytes of blobs.downloadBlob({ blobId: 'file', offset: 7n })) {
    const { frame } = compare(BlobServiceDefinition, down.downloadBlob, bytes);
    if (frame?.$case !== 'chunk') continue;
    expect(Number(frame.value.offset)).toBe(7 + size);
    expect(frame.value.crc32c).toBe(crc32c(frame.value.data));
    size += frame.value.data.length;
  }
  expect(size).toBe(299_993);
  compare(BlobServiceDefinition, down.getBlob, await blobs.getBlob({ blobId: 'file' }));
  compare(BlobServiceDefinition, down.listBlobs, await blobs.listBlobs({}));
  compare(BlobServiceDefinition, down.deleteBlob, await blobs.deleteBlob({ blobId: 'file' }));
}

describe('another implementation of protobuf, over the descriptor set', () => {
  it('finds the same values as ours in the responses of every rpc', async () => {
    await compareUsers();
    await compareEvents();
    await compareConversation();
    await compareRooms();
    await compareFiles();
    const names = ['UserService', 'EventService', 'ChatService', 'UploadService', 'BlobService'];
    const services = names.map((name) => registry.getService(`leat.v1.${name}`));
    const all = services.flatMap((service) => service?.methods.map(({ name }) => `${service.name}.${name}`));
    expect([...compared].sort()).toEqual(all.sort());
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { createLeatClient, type LeatClient } from '../../src/client/index.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';

let server: LeatServer;
let address: string;
let client: LeatClient;
beforeAll(async () => {
  server = await startLeat();
  address = `127.0.0.1:${server.grpcPort}`;
  client = createLeatClient({ address });
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

const refused = { name: 'LeatError', code: Status.INVALID_ARGUMENT, reason: 'EMPTY_OPTION' };

describe('a client', () => {
  it.each([
    ['address', { address: '' }],
    ['token', { address: 'x:1', token: '' }],
    ['user', { address: 'x:1', user: '' }],
    ['tls.ca', { address: 'x:1', tls: { ca: '' } }],
    ['tls.cert', { address: 'x:1', tls: { cert: Buffer.of(), key: 'x' } }],
  ])('is not made with an empty %s', (name, options) => {
    let thrown: unknown;
    try {
      createLeatClient(options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ name: 'LeatError', code: Status.INVALID_ARGUMENT });
    expect((thrown as Error).message).toMatch(new RegExp(`${name}\\b.* empty`));
  });
});

describe('an empty option of a call', () => {
  it('that names a cursor is refused before anything is read', async () => {
    await client.publish('read', [{ type: 't' }]);
    for (const start of [undefined, 'first'] as const) {
      const reading = client.follow('read', { checkpoint: { cursor: '' }, start, live: false });
      await expect(reading.next()).rejects.toMatchObject(refused);
    }
  });

  it('that names a producer, an upload, a file or a message is refused, and nothing is made', async () => {
    await expect(client.publish('none', [{ type: 't' }], { producerId: '' })).rejects.toMatchObject(refused);
    await expect(client.upload(Buffer.from('x'), { uploadId: '' })).rejects.toMatchObject(refused);
    const { uploadId } = await client.upload(Buffer.from('x'));
    await expect(client.download(uploadId, '')).rejects.toMatchObject(refused);
    const rooms = client.joinRooms();
    await expect(rooms.join('none').send({ id: '', type: 'm' })).rejects.toMatchObject(refused);
    await rooms.close();
    const { topics } = await client.events.listTopics({});
    expect(topics.map(({ topic }) => topic)).not.toContain('none');
  });

  it('that names a session ends the stream with what is wrong', async () => {
    const rooms = client.joinRooms({ sessionId: '' });
    await expect(rooms.ended).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      violations: [{ field: 'hello.session_id' }],
    });
  });
});

describe('an empty etag', () => {
  it('changes and removes nothing', async () => {
    await client.users.createUser({ user: { userId: 'ada', name: 'Ada' } });
    const { blob } = await client.upload(Buffer.from('x'), { uploadId: 'kept' });
    const user = { userId: 'ada', name: 'changed', etag: '' };
    for (const [call, field] of [
      [client.users.updateUser({ user, updateMask: ['name'] }), 'user.etag'],
      [client.users.deleteUser({ userId: 'ada', etag: '' }), 'etag'],
      [client.blobs.deleteBlob({ blobId: blob.blobId, etag: '' }), 'etag'],
    ] as const) {
      await expect(call).rejects.toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field }] });
    }
    const { user: found } = await client.users.getUser({ key: { $case: 'userId', value: 'ada' } });
    expect(found).toMatchObject({ name: 'Ada', etag: '1' });
    await client.blobs.getBlob({ blobId: 'kept' });
    // The current one, and none at all, still are what they were.
    await client.users.updateUser({ user: { ...user, etag: found?.etag }, updateMask: ['name'] });
    await client.users.deleteUser({ userId: 'ada' });
    await client.blobs.deleteBlob({ blobId: 'kept', etag: blob.etag });
  });
});

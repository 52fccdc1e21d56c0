import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { connectRaw } from '../support/raw-http2.js';
import { shortAge, twoPings } from '../support/short-age.js';
import { until } from '../support/until.js';

const buf = fileURLToPath(new URL('../../../node_modules/.bin/buf', import.meta.url));

/** A line of the metrics: one call follows a topic. */
const FOLLOWING = 'grpc_server_in_flight{grpc_method="/leat.v1.EventService/ListEvents"} 1';

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

interface Result {
  readonly code: number | null;
  readonly stderr: string;
  /** The responses, one after another. */
  readonly responses: readonly unknown[];
}

const curl = (method: string, ...requests: readonly object[]) => curlAt(leat, method, ...requests);

/** Calls a method as a user of the shell does: the schema comes from the server, by reflection. */
async function curlAt(server: LeatServer, method: string, ...requests: readonly object[]): Promise<Result> {
  const url = `http://127.0.0.1:${server.grpcPort}/leat.v1.${method}`;
  const child = spawn(buf, ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '-d', '@-', url]);
  child.stdin.end(requests.map((request) => JSON.stringify(request)).join('\n'));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  // Responses are objects in JSON, with indentation inside of them only.
  const responses = stdout.split(/(?<=^\})\n/m).filter((part) => part.trim() !== '');
  return { code: child.exitCode, stderr, responses: responses.map((part) => JSON.parse(part) as unknown) };
}

describe('buf curl, a client in Go that knows the service by reflection alone', () => {
  it('creates a user and is told what is wrong with another', async () => {
    const created = await curl('UserService/CreateUser', { user: { userId: 'ada', name: 'Ada' } });
    expect(created).toMatchObject({ code: 0, responses: [{ user: { userId: 'ada', name: 'Ada' } }] });
    const refused = await curl('UserService/CreateUser', { user: { userId: '!' } });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/invalid_argument/);
    expect(refused.stderr).toMatch(/user\.user_id/);
  });

  it('publishes an event, and a stream of batches, and reads them page by page', async () => {
    const topic = 'curl/orders';
    const one = { topic, event: { id: 'e1', type: 'order.created', text: 'grüße', attributes: { region: 'eu' } } };
    expect(await curl('EventService/PublishEvent', one)).toMatchObject({ code: 0, responses: [{ offset: '1' }] });

    const batches = ['a', 'b', 'c'].map((type) => ({ topic, events: [{ type, data: 'AAEC' }, { type }] }));
    const published = await curl('EventService/PublishEvents', ...batches);
    expect(published).toMatchObject({
      code: 0,
      responses: [{ accepted: '6', topics: [{ firstOffset: '2', lastOffset: '7' }] }],
    });

    const listed = await curl('EventService/ListEvents', { topic });
    expect(listed.code).toBe(0);
    const pages = listed.responses as { records?: { offset: string; event: object }[]; state: string }[];
    const records = pages.flatMap(({ records = [] }) => records);
    expect(records.map(({ offset }) => offset)).toEqual(['1', '2', '3', '4', '5', '6', '7']);
    expect(records[0]?.event).toEqual(one.event);
    expect(records[1]?.event).toEqual({ type: 'a', data: 'AAEC' });
    expect(pages.at(-1)?.state).toBe('TAIL_STATE_COMPLETE');
  });

  it('follows a topic to the end it asked for', async () => {
    const topic = 'curl/live';
    await leat.events.publishEvent({ topic, event: { type: 't' } });
    const tail = await curl('EventService/ListEvents', { topic, follow: true, limit: '1' });
    expect(tail).toMatchObject({ code: 0, responses: [{ records: [{ offset: '1' }], state: 'TAIL_STATE_COMPLETE' }] });
  });

  it('keeps following after the GOAWAY of a connection that is too old', async () => {
    await using server = await startLeat(shortAge);
    const topic = 'curl/old';
    const event = { type: 't' };
    const tail = curlAt(server, 'EventService/ListEvents', { topic, follow: true, limit: '1' });
    await until(async () => (await server.server.registry.metrics()).includes(FOLLOWING));
    await using connection = await connectRaw(server.grpcPort);
    // The connection of `buf curl` is older than this one, and would be pinged at the same interval.
    await once(connection.session, 'goaway');
    await twoPings();
    await server.events.publishEvent({ topic, event });
    expect(await tail).toMatchObject({ code: 0, responses: [{}, { records: [{ offset: '1' }] }] });
  });

  it('says something in a room, and reads what was said', async () => {
    const room = 'curl/room';
    const message = { id: 'm-1', text: 'hello from a shell' };
    expect(await curl('ChatService/SendMessage', { room, message })).toMatchObject({
      code: 0,
      responses: [{ delivery: { messageId: 'm-1', offset: '1' } }],
    });
    const frames = [{ hello: { sessionId: 'curl' } }, { join: { room } }, { send: { room, message: { id: 'm-2' } } }];
    const chat = await curl('ChatService/Chat', ...frames);
    expect(chat).toMatchObject({ code: 0 });
    expect(chat.responses).toContainEqual({ delivered: { room, deliveries: [{ messageId: 'm-2', offset: '2' }] } });
    expect(chat.responses).toContainEqual({ joined: expect.objectContaining({ room, headOffset: '1' }) });
    const listed = await curl('ChatService/ListMessages', { room });
    expect(listed.responses).toMatchObject([
      { records: [{ event: { type: 'message', text: message.text } }, { event: { id: 'm-2' } }], headOffset: '2' },
    ]);
    expect(await curl('ChatService/GetRoom', { room })).toMatchObject({ responses: [{ room: { headOffset: '2' } }] });
    expect(await curl('ChatService/ListRooms', {})).toMatchObject({ code: 0 });
    const broken = await curl('ChatService/Chat', { ping: {} });
    expect(broken.code).not.toBe(0);
    expect(broken.stderr).toMatch(/HELLO_REQUIRED|first frame must be hello/);
  });

  it('uploads a file in chunks, is told how far an upload is, and downloads it', async () => {
    const chunk = (offset: number, data: string) => ({ chunk: { offset: `${offset}`, data: btoa(data) } });
    const part = await curl(
      'UploadService/UploadChunks',
      { start: { uploadId: 'f', name: 'f.txt' } },
      chunk(0, 'hello, '),
    );
    expect(part).toMatchObject({
      code: 0,
      responses: [{ upload: { state: 'UPLOAD_STATE_PARTIAL' }, bytesReceived: '7' }],
    });
    const found = await curl('UploadService/GetUpload', { uploadId: 'f' });
    expect(found).toMatchObject({ code: 0, responses: [{ upload: { committedSize: '7', name: 'f.txt' } }] });
    expect(await curl('UploadService/ListUploads', {})).toMatchObject({
      responses: [{ uploads: [{ uploadId: 'f' }] }],
    });

    const start = { start: { uploadId: 'f', name: 'f.txt' } };
    const whole = await curl('UploadService/UploadChunks', start, chunk(7, 'world'), { finish: { size: '12' } });
    expect(whole).toMatchObject({ code: 0, responses: [{ blob: { blobId: 'f', size: '12', etag: '1' } }] });
    const refused = await curl('UploadService/CancelUpload', { uploadId: 'f' });
    expect(refused.stderr).toMatch(/failed_precondition/);

    const downloaded = await curl('BlobService/DownloadBlob', { blobId: 'f', offset: '7' });
    const frames = downloaded.responses as { blob?: object; chunk?: { data: string }; end?: { offset: string } }[];
    expect(frames.map((frame) => Object.keys(frame)[0])).toEqual(['blob', 'chunk', 'end']);
    expect(atob(frames[1]?.chunk?.data ?? '')).toBe('world');
    expect(frames[2]?.end?.offset).toBe('12');
    expect(await curl('BlobService/GetBlob', { blobId: 'f' })).toMatchObject({
      responses: [{ blob: { name: 'f.txt' } }],
    });
    expect(await curl('BlobService/ListBlobs', {})).toMatchObject({ responses: [{ blobs: [{ blobId: 'f' }] }] });
    expect(await curl('BlobService/DeleteBlob', { blobId: 'f' })).toMatchObject({ responses: [{ offset: '2' }] });
  });
});

import { BlobServiceDefinition } from '../../gen/leat/v1/blob_service.js';
import { Event } from '../../gen/leat/v1/event.js';
import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { UploadChunksRequest, UploadServiceDefinition } from '../../gen/leat/v1/upload_service.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import { loadConfig } from '../../src/config.js';
import { type Files, openFiles } from '../../src/server/files.js';
import { leatServices } from '../../src/server/services.js';
import { encodeEventRun } from '../../src/store/encoding/event-run.js';
import type { Store } from '../../src/store/store.js';
import { helloFrame, joinFrame } from '../support/chat-frames.js';
import { frame } from '../support/raw-http2.js';
import { openTemporaryStore } from '../support/temporary-store.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

/** The whole service in this process, so that what a call leaves behind can be seen. */
export interface Rig {
  readonly test: TestServer;
  readonly store: Store;
  readonly files: Files;
  /** Who waits for a topic to grow. */
  waiting(): number;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startRig(flags: Readonly<Record<string, unknown>> = {}): Promise<Rig> {
  const { store, ...opened } = await openTemporaryStore();
  let waiting = 0;
  const counted: Store = {
    ...store,
    onWake(topic, callback) {
      const end = store.onWake(topic, callback);
      waiting++;
      return () => {
        waiting--;
        end();
      };
    },
  };
  const config = loadConfig({ flags });
  const files = await openFiles({ config, store: counted, dataDir: opened.dataDir });
  const test = await startTestServer(leatServices({ config, store: counted, files }), flags);
  return {
    test,
    store,
    files,
    waiting: () => waiting,
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]();
      await files.close();
      await opened[Symbol.asyncDispose]();
    },
  };
}

/** Appends `count` events with `bytes` of data each, in one unit. */
export async function fillTopic(store: Store, topic: string, count: number, bytes: number, type = 'fill') {
  const event = Event.encode(
    Event.fromPartial({ type, payload: { $case: 'data', value: new Uint8Array(bytes) } }),
  ).finish();
  const events = encodeEventRun(Array.from({ length: count }, () => event));
  await store.write([{ kind: 'append-events', topic, author: '', events }]);
}

/** Makes a blob of so many bytes. */
export async function fillBlob({ files }: Rig, uploadId: string, size: number): Promise<void> {
  const { signal } = new AbortController();
  const start = { uploadId, name: '', contentType: 'application/octet-stream', size, sha256: Buffer.alloc(0) };
  const session = await files.uploads.start(start, { caller: '', signal });
  const step = 1024 * 1024;
  for (let offset = 0; offset < size; offset += step) {
    await session.add({ offset, data: Buffer.alloc(Math.min(step, size - offset)), crc32c: undefined });
  }
  await session.finish({ size, sha256: Buffer.alloc(0) });
  await session.close();
}

/** A method, and good messages for it, framed. */
export interface Rpc {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** The first one. */
  readonly message: Buffer;
  /** Those that follow. */
  readonly next: Buffer;
}

const event = { type: 'cancelled' };
const user = { userId: 'ada', name: 'Ada' };

/** By name of the method; a topic that is there is `there`. */
const requests: Readonly<Record<string, object>> = {
  CreateUser: { user },
  GetUser: { key: { $case: 'userId', value: 'ada' } },
  UpdateUser: { user },
  DeleteUser: { userId: 'ada', allowMissing: true },
  ListUsers: {},
  PublishEvent: { topic: 'cancelled', event },
  PublishEvents: { topic: 'cancelled', events: [event] },
  ListEvents: { topic: 'there', follow: true },
  GetProducer: { topic: 'there', producerId: 'p' },
  CommitCursor: { topic: 'there', cursor: 'c', offset: 1n },
  GetTopic: { topic: 'there' },
  ListTopics: {},
  UpdateTopic: { topic: { topic: 'there', retention: { maxEvents: 1_000_000n } } },
  TrimTopic: { topic: 'there', beforeOffset: 1n },
  DeleteTopic: { topic: 'gone' },
  SendMessage: { room: 'there', message: { id: 'm' } },
  ListMessages: { room: 'there' },
  GetRoom: { room: 'there' },
  ListRooms: {},
  UploadChunks: { frame: { $case: 'start', value: { uploadId: 'cancelled' } } },
  GetUpload: { uploadId: 'there' },
  CancelUpload: { uploadId: 'gone' },
  ListUploads: {},
  DownloadBlob: { blobId: 'there' },
  GetBlob: { blobId: 'there' },
  ListBlobs: {},
  DeleteBlob: { blobId: 'gone', allowMissing: true },
};

/** The same bytes at the same place: it does not matter how often they come. */
const chunk = { frame: { $case: 'chunk' as const, value: { offset: 0n, data: Buffer.alloc(100) } } };
const followers: Readonly<Record<string, Buffer>> = {
  UploadChunks: frame(UploadChunksRequest.encode(UploadChunksRequest.fromPartial(chunk)).finish()),
};

interface Method {
  readonly name: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestType: {
    fromPartial(partial: object): object;
    encode(message: never): { finish(): Uint8Array };
  };
}

function rpcOf(service: string, { name, requestStream, responseStream, requestType }: Method): Rpc {
  const path = `/${service}/${name}`;
  // What a member says first are two frames.
  if (name === 'Chat') {
    const message = Buffer.concat([helloFrame(), joinFrame('there', 0n)]);
    return { path, requestStream, responseStream, message, next: message };
  }
  const request = requests[name];
  if (request === undefined) throw new Error(`there is no request for ${name}`);
  const message = frame(requestType.encode(requestType.fromPartial(request) as never).finish());
  const next = followers[name] ?? message;
  return { path, requestStream, responseStream, message, next };
}

const services = [
  UserServiceDefinition,
  EventServiceDefinition,
  ChatServiceDefinition,
  UploadServiceDefinition,
  BlobServiceDefinition,
];

/** Every rpc of these services. */
export const rpcs: readonly Rpc[] = services.flatMap((service) =>
  Object.values<Method>(service.methods).map((method) => rpcOf(service.fullName, method)),
);

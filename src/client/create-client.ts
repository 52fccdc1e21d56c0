import { createClientFactory } from 'nice-grpc';
import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { BlobServiceDefinition, type BlobServiceClient } from '../../gen/leat/v1/blob_service.js';
import { EventServiceDefinition, type EventServiceClient } from '../../gen/leat/v1/event_service.js';
import { UploadServiceDefinition, type UploadServiceClient } from '../../gen/leat/v1/upload_service.js';
import { UserServiceDefinition, type UserServiceClient } from '../../gen/leat/v1/user_service.js';
import type { BackoffOptions } from './backoff.js';
import { errorsMiddleware } from './call-errors.js';
import { createHeadersMiddleware, type Credentials } from './call-headers.js';
import type { LeatCallOptions } from './call-options.js';
import { createPolicyMiddleware } from './call-policy.js';
import type { ChatClient } from './chat/chat-call.js';
import type { Rooms, RoomsOptions } from './chat/chat-options.js';
import { joinRooms } from './chat/join-rooms.js';
import { openChannel, type ChannelSettings } from './channel.js';
import type { BlobClient } from './download/blob-client.js';
import type { DownloadOptions, DownloadResult, DownloadSink, ReadBlobOptions } from './download/download-options.js';
import { download, readBlob } from './download/download.js';
import type { EventClient } from './event-client.js';
import { follow } from './follow/follow.js';
import type { Follow, FollowOptions } from './follow/follow-options.js';
import { EncodedPublishDefinition } from './publish/publish-call.js';
import { publish } from './publish/publish.js';
import type { PublishInput, PublishOptions, PublishResult } from './publish/publish-options.js';
import { refuseEmptyOption } from './refuse-empty-option.js';
import type { UploadOptions, UploadResult, UploadSource } from './upload/upload-options.js';
import { upload } from './upload/upload.js';

export interface ClientOptions extends ChannelSettings, Credentials {
  /** How long a call with one answer may take, its retries included, in milliseconds. Default: 10,000. */
  readonly timeoutMs?: number;
  /** Tries of a call with one answer that is safe to repeat; 1: none is repeated. Default: 5. */
  readonly maxAttempts?: number;
  /** Waits between the tries of one call. Default: up to 100 ms, doubling up to 5 s. */
  readonly backoff?: BackoffOptions;
}

/** A connection to the service, the typed services behind it, and what is built on them. */
export interface LeatClient {
  /**
   * UserService. Calls have a deadline; those that are safe to repeat are repeated while that may help: reads,
   * CreateUser with a user_id, DeleteUser with allow_missing. Every call fails with LeatError, or AbortError.
   */
  readonly users: UserServiceClient<LeatCallOptions>;
  /**
   * EventService, the same way: reads, PublishEvent with an event id, CommitCursor without rewind, and TrimTopic are
   * repeated. Streams are as the service gives them: `follow` and `publish` are what survives.
   */
  readonly events: EventServiceClient<LeatCallOptions>;
  /** UploadService, the same way: reads are repeated. `upload` is what survives. */
  readonly uploads: UploadServiceClient<LeatCallOptions>;
  /** BlobService, the same way: reads, and DeleteBlob with allow_missing, are repeated. `download` is what survives. */
  readonly blobs: BlobServiceClient<LeatCallOptions>;
  /**
   * ChatService, the same way: reads, and SendMessage with a message id, are repeated. Chat is as the service gives it:
   * `joinRooms` is what survives.
   */
  readonly chat: ChatClient;
  /**
   * Reads a topic: replay first, then live, each matching event once and in order over lost connections, silent ones,
   * drained and restarted servers. Reads a page ahead, no more, however slow the reader is.
   *
   * Ends when the end that was asked for is reached, at `return()` (leaving a `for await` loop) and at `close()`.
   * Throws AbortError when `signal` aborts, and LeatError for what waiting does not mend: OFFSET_TRIMMED,
   * EPOCH_CHANGED, INVALID_FIELD, a checkpoint that cannot be saved, …
   */
  follow(topic: string, options?: FollowOptions): Follow;
  /**
   * Publishes all events of a source, in order, each exactly once over lost connections and restarted servers, and
   * resolves when the last one is durable. Asks the source only for what it can send; holds one call's events (4 MiB).
   *
   * Throws LeatError with `published`: exactly the source's first `published.events` events are durable, and those
   * behind them are not, unless `code` says that nobody knows (UNAVAILABLE after `maxAttempts`).
   */
  publish(
    topic: string,
    source: AsyncIterable<PublishInput> | Iterable<PublishInput>,
    options?: PublishOptions,
  ): Promise<PublishResult>;
  /**
   * Opens one stream for any number of rooms. Over lost connections, silent ones, drained and restarted servers it comes
   * back by itself, enters its rooms again where it was, and sends again what nobody has answered for: each message is
   * delivered once and in order, and stored once.
   *
   * Ends at `close()`, and with an error for what waiting does not mend: SESSION_TAKEN_OVER, UNAUTHENTICATED, … What
   * goes wrong in one room ends that room alone. Nothing throws here: see `ended`.
   */
  joinRooms(options?: RoomsOptions): Rooms;
  /**
   * Uploads a file, bytes or a stream, over lost connections, drained and restarted servers, and resolves when it is a
   * blob, on disk, with the SHA-256 that was computed on the way. Memory is bounded, whatever the size: see
   * `UploadSource`. Repeating an upload with the same id and source is harmless, and goes on where the last one ended.
   *
   * Throws AbortError when `signal` aborts, and LeatError with `uploaded`, how far it came, for what waiting does not
   * mend: UPLOAD_FENCED (another one uploads under this id), UPLOAD_DIFFERS and BLOB_DIFFERS (another source under this
   * id), SOURCE_FAILED, SOURCE_CHANGED, DIGEST_MISMATCH, UPLOAD_TOO_LARGE, …
   */
  upload(source: UploadSource, options?: UploadOptions): Promise<UploadResult>;
  /**
   * Downloads a blob, or a range of it, to a file or a stream, over lost connections and restarted servers; compares
   * every chunk's checksum and the SHA-256 of the whole. A file appears under its name when it is whole and on disk;
   * until then it is NAME.part, with which the next download goes on. A file that is there with the same bytes is left
   * as it is. A stream is written as fast as it takes it.
   *
   * Throws AbortError when `signal` aborts, and LeatError for what waiting does not mend: BLOB_NOT_FOUND, BLOB_DELETED,
   * OFFSET_BEYOND_END, TARGET_EXISTS, TARGET_BUSY, TARGET_FAILED, CHECKSUM_MISMATCH, …
   */
  download(blobId: string, sink: DownloadSink, options?: DownloadOptions): Promise<DownloadResult>;
  /** The same as an iterable of bytes, read 1 MiB ahead; leaving the loop ends the call. The last step checks the digest. */
  readBlob(blobId: string, options?: ReadBlobOptions): AsyncGenerator<Uint8Array, void, undefined>;
  /** Ends what is running: follows save their place, rooms are left, all else aborts. Then the connection. Repeating it is harmless. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Connects lazily: nothing is sent before the first call, and a lost connection is made again by the next one.
 * Throws LeatError (reason EMPTY_OPTION) for an address, token, user or certificate that is empty.
 */
export function createLeatClient(options: ClientOptions): LeatClient {
  refuseEmptyOption('address', options.address);
  const channel = openChannel(options);
  const { timeoutMs = 10_000, maxAttempts = 5, backoff } = options;
  // The first is next to the wire, the last next to the caller: each try asks for its own token.
  const factory = createClientFactory()
    .use(channel.createMiddleware())
    .use(createHeadersMiddleware(options))
    .use(errorsMiddleware)
    .use(createPolicyMiddleware({ timeoutMs, maxAttempts, backoff }));
  const users: UserServiceClient<LeatCallOptions> = factory.create(UserServiceDefinition, channel);
  const events: EventClient = factory.create(EventServiceDefinition, channel);
  const chat: ChatClient = factory.create(ChatServiceDefinition, channel);
  const uploads: UploadServiceClient<LeatCallOptions> = factory.create(UploadServiceDefinition, channel);
  const blobs: BlobClient = factory.create(BlobServiceDefinition, channel);
  const encoded = factory.create(EncodedPublishDefinition, channel);
  const running = new Set<() => Promise<unknown>>();
  const closed = new AbortController();

  function track(end: () => Promise<unknown>): () => void {
    running.add(end);
    return () => running.delete(end);
  }

  async function close(): Promise<void> {
    closed.abort();
    try {
      await Promise.all([...running].map((end) => end()));
    } finally {
      channel.close();
    }
  }

  return {
    users,
    events,
    chat,
    joinRooms: (settings = {}) => joinRooms(chat, settings, track),
    uploads,
    blobs,
    follow: (topic, settings = {}) => follow(events, topic, settings, track),
    publish: (topic, source, settings = {}) =>
      publish({ events, encoded, closed: closed.signal }, topic, source, settings),
    upload: (source, settings = {}) => upload({ uploads, closed: closed.signal }, source, settings),
    download: (blobId, sink, settings = {}) => download({ blobs, closed: closed.signal }, blobId, sink, settings),
    readBlob: (blobId, settings = {}) => readBlob({ blobs, closed: closed.signal }, blobId, settings),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * The client of Leat: `import { createLeatClient } from 'leat/client'`. Knows the contract and gRPC, nothing of the
 * server. See docs/client.md.
 */
export { createLeatClient, type ClientOptions, type LeatClient } from './create-client.js';
export { clientReasons, LeatError, type LeatErrorOptions } from './leat-error.js';
export { Status } from 'nice-grpc';
export type { FieldViolation } from './error-details.js';
export type { BackoffOptions } from './backoff.js';
export type { Setback } from './attempts.js';
export type { Credentials, TokenSource } from './call-headers.js';
export type { ChannelSettings, TlsOptions } from './channel.js';
export type { LeatCallOptions } from './call-options.js';
export type * from './chat/chat-options.js';
export type { Store } from './chat/observable.js';
export type { RoomStatus, RoomView } from './chat/room-view.js';
export type { PendingMessage } from './chat/sends.js';
export type * from './follow/follow-options.js';
export type { PublishInput, PublishOptions, PublishResult } from './publish/publish-options.js';
export type { PublishTotals } from './publish/totals.js';
export type * from './upload/upload-options.js';
export type * from './download/download-options.js';

export {
  ChatServiceDefinition,
  Delivery,
  Member,
  Room,
  type ChatServiceClient,
  type ReadMark,
} from '../../gen/leat/v1/chat_service.js';
export { Blob } from '../../gen/leat/v1/blob.js';
export { BlobServiceDefinition, type BlobServiceClient } from '../../gen/leat/v1/blob_service.js';
export { Event, EventFilter, EventRecord, Start, TailState } from '../../gen/leat/v1/event.js';
export type * from '../../gen/leat/v1/event_service.js';
export { EventServiceDefinition, PublishProgress, Topic } from '../../gen/leat/v1/event_service.js';
export {
  Upload,
  UploadServiceDefinition,
  UploadState,
  type UploadServiceClient,
} from '../../gen/leat/v1/upload_service.js';
export { User, UserServiceDefinition, type UserServiceClient } from '../../gen/leat/v1/user_service.js';
export { Timestamp } from '../../gen/google/protobuf/timestamp.js';

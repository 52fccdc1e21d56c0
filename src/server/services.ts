import { BlobServiceDefinition } from '../../gen/leat/v1/blob_service.js';
import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { UploadServiceDefinition } from '../../gen/leat/v1/upload_service.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import type { Config } from '../config.js';
import { blobCodecs, createBlobService } from '../services/blob-service.js';
import { chatCodecs, createChatService } from '../services/chat-service.js';
import { createEventService, eventCodecs } from '../services/event-service.js';
import { createUploadService } from '../services/upload-service.js';
import { createUserService } from '../services/user-service.js';
import type { Store } from '../store/store.js';
import type { Files } from './files.js';
import { type ServedService, served } from './served-service.js';

export interface ServiceDeps {
  readonly config: Config;
  readonly store: Store;
  readonly files: Pick<Files, 'uploads' | 'blobs'>;
}

/** All services of Leat. */
export function leatServices({ config, store, files }: ServiceDeps): readonly ServedService[] {
  const { epoch } = store;
  const limits = { maxPayloadBytes: config.maxEventSize };
  const heartbeatMs = config.heartbeatInterval;
  const chat = createChatService({
    store,
    limits,
    heartbeatMs,
    graceMs: config.chatGracePeriod,
    helloMs: config.chatHelloTimeout,
    seatLimits: { maxSeats: config.maxChatMemberships, maxSeatsPerCaller: config.maxChatMembershipsPerCaller },
  });
  return [
    served(UserServiceDefinition, createUserService({ store })),
    served(EventServiceDefinition, createEventService({ store, limits, heartbeatMs }), eventCodecs),
    served(ChatServiceDefinition, chat.handlers, chatCodecs, chat.direct),
    served(UploadServiceDefinition, createUploadService({ uploads: files.uploads, epoch })),
    served(BlobServiceDefinition, createBlobService({ blobs: files.blobs, epoch }), blobCodecs),
  ];
}

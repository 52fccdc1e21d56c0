import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import type { Config } from '../config.js';
import { chatCodecs, createChatService } from '../services/chat-service.js';
import { createEventService, eventCodecs } from '../services/event-service.js';
import { createUserService } from '../services/user-service.js';
import type { Store } from '../store/store.js';
import { type ServedService, served } from './served-service.js';

export interface ServiceDeps {
  readonly config: Config;
  readonly store: Store;
}

/** All services of Leat. */
export function leatServices({ config, store }: ServiceDeps): readonly ServedService[] {
  const limits = { maxPayloadBytes: config.maxEventSize };
  const heartbeatMs = config.heartbeatInterval;
  return [
    served(UserServiceDefinition, createUserService({ store })),
    served(EventServiceDefinition, createEventService({ store, limits, heartbeatMs }), eventCodecs),
    served(
      ChatServiceDefinition,
      createChatService({ store, limits, heartbeatMs, graceMs: config.chatGracePeriod }),
      chatCodecs,
    ),
  ];
}

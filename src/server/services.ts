import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import type { Config } from '../config.js';
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
  return [
    served(UserServiceDefinition, createUserService({ store })),
    served(
      EventServiceDefinition,
      createEventService({
        store,
        limits: { maxPayloadBytes: config.maxEventSize },
        heartbeatMs: config.heartbeatInterval,
      }),
      eventCodecs,
    ),
  ];
}

import type { EventServiceClient } from '../../gen/leat/v1/event_service.js';
import type { LeatCallOptions } from './call-options.js';

/** EventService as this client calls it. */
export type EventClient = EventServiceClient<LeatCallOptions>;

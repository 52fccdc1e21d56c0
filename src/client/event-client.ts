import type { EventServiceClient } from '../../gen/leat/v1/event_service.js';
import type { StreamOptions } from './call-options.js';

/** EventService as this client calls it. */
export type EventClient = EventServiceClient<StreamOptions>;

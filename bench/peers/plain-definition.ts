import { Event, EventRecord } from '../../gen/leat/v1/event.js';
import { ListEventsRequest, PublishEventResponse, PublishEventsResponse } from '../../gen/leat/v1/event_service.js';

/** The service that one writes first: one event a message, both ways. Messages are those of the contract. */
export const PlainEventsDefinition = {
  name: 'PlainEvents',
  fullName: 'leat.bench.PlainEvents',
  methods: {
    /** Stores each event in a commit of its own. */
    publish: {
      name: 'Publish',
      requestType: Event,
      requestStream: true,
      responseType: PublishEventsResponse,
      responseStream: false,
      options: {},
    },
    /** Stores all events of a stream in one commit. */
    publishAtOnce: {
      name: 'PublishAtOnce',
      requestType: Event,
      requestStream: true,
      responseType: PublishEventsResponse,
      responseStream: false,
      options: {},
    },
    list: {
      name: 'List',
      requestType: ListEventsRequest,
      requestStream: false,
      responseType: EventRecord,
      responseStream: true,
      options: {},
    },
    /** Emits to those who watch, and stores nothing. */
    emit: {
      name: 'Emit',
      requestType: Event,
      requestStream: false,
      responseType: PublishEventResponse,
      responseStream: false,
      options: {},
    },
    /** Emits once it is stored, in a commit of its own. */
    storeAndEmit: {
      name: 'StoreAndEmit',
      requestType: Event,
      requestStream: false,
      responseType: PublishEventResponse,
      responseStream: false,
      options: {},
    },
    /** Sends back what it is sent. */
    talk: {
      name: 'Talk',
      requestType: Event,
      requestStream: true,
      responseType: EventRecord,
      responseStream: true,
      options: {},
    },
    watch: {
      name: 'Watch',
      requestType: ListEventsRequest,
      requestStream: false,
      responseType: EventRecord,
      responseStream: true,
      options: {},
    },
  },
} as const;

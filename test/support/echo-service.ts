import type { CallContext } from 'nice-grpc';
import { Event } from '../../gen/leat/v1/event.js';
import type { LeatCallContext } from '../../src/middleware/call-context.js';
import { served, type ServedService } from '../../src/server/served-service.js';

const type = { requestType: Event, responseType: Event, options: {} };

/** One method of each kind, all of them over `Event`, for tests of what lies around handlers. */
export const EchoDefinition = {
  name: 'Echo',
  fullName: 'leat.test.Echo',
  methods: {
    unary: { name: 'Unary', ...type, requestStream: false, responseStream: false },
    upload: { name: 'Upload', ...type, requestStream: true, responseStream: false },
    download: { name: 'Download', ...type, requestStream: false, responseStream: true },
    chat: { name: 'Chat', ...type, requestStream: true, responseStream: true },
  },
} as const;

type Context = CallContext & LeatCallContext;
type Message = Partial<Event>;

export interface EchoHandlers {
  unary(request: Event, context: Context): Promise<Message>;
  upload(requests: AsyncIterable<Event>, context: Context): Promise<Message>;
  download(request: Event, context: Context): AsyncIterable<Message>;
  chat(requests: AsyncIterable<Event>, context: Context): AsyncIterable<Message>;
}

const echo: EchoHandlers = {
  unary: async (request) => request,
  async upload(requests) {
    let count = 0;
    for await (const _ of requests) count++;
    return { id: String(count) };
  },
  async *download(request) {
    yield request;
  },
  async *chat(requests) {
    yield* requests;
  },
};

/** The service with some methods of its own; the others send back what they get (`upload`: how many, as id). */
export function echoService(handlers: Partial<EchoHandlers> = {}): ServedService {
  return served(EchoDefinition, { ...echo, ...handlers });
}

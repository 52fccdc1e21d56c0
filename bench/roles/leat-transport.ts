import { Event } from '../../gen/leat/v1/event.js';
import { loadConfig } from '../../src/config.js';
import type { LeatCallContext } from '../../src/middleware/call-context.js';
import { createLeatServer } from '../../src/server/leat-server.js';
import { served } from '../../src/server/served-service.js';
import { MESSAGE_BYTES } from '../peers/bare-definition.js';
import { playRole } from '../processes/play-role.js';

/** Messages stay bytes: see the overrides below. */
const type = { requestType: Event, responseType: Event, options: {} };

/** As `bareDefinition`, for the server of Leat. */
const definition = {
  name: 'Bare',
  fullName: 'leat.bench.Bare',
  methods: {
    source: { name: 'Source', ...type, requestStream: false, responseStream: true },
    sink: { name: 'Sink', ...type, requestStream: true, responseStream: false },
  },
} as const;

const asIs = (bytes: Uint8Array) => bytes;
const codec = { requestDeserialize: asIs, responseSerialize: asIs };
/** As handlers of Leat have it. */
const MESSAGES_AHEAD = 2;

/** The server of Leat, with all its windows and middleware, and nothing behind it: it makes messages up, and throws them away. */
async function startTransport() {
  const message = new Uint8Array(MESSAGE_BYTES).fill(7);
  const service = served(
    definition,
    {
      async *source(_request, { outbox, signal }: LeatCallContext & { signal: AbortSignal }) {
        for (;;) {
          yield message;
          await outbox.waitUntilBelow(MESSAGES_AHEAD, signal);
        }
      },
      async sink(messages) {
        for await (const _ of messages);
        return new Uint8Array();
      },
    },
    { source: codec, sink: codec },
  );
  const config = loadConfig({ flags: { listen: '127.0.0.1:0', 'http-listen': '127.0.0.1:0' } });
  const ignore = () => undefined;
  const server = createLeatServer({ config, services: [service], log: { info: ignore, warn: ignore, error: ignore } });
  const { grpcPort } = await server.start();
  return { port: () => grpcPort };
}

export type LeatTransportRole = Awaited<ReturnType<typeof startTransport>>;

playRole(await startTransport());

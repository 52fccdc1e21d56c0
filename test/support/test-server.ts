import { createChannel, createClientFactory, type Channel, type Client, type CompatServiceDefinition } from 'nice-grpc';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import { loadConfig } from '../../src/config.js';
import { createLeatServer, type Ports, type RunningServer } from '../../src/server/leat-server.js';
import type { ServedService } from '../../src/server/served-service.js';

/** A line of the log, as its fields. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly message: string };

export interface TestServer extends Ports {
  readonly server: RunningServer;
  /** One line per call that is over. */
  readonly log: readonly LogLine[];
  readonly channel: Channel;
  /** Errors of this client carry google.rpc details (`extra`). */
  client<S extends CompatServiceDefinition>(definition: S): Client<S>;
  /** Resolves when no call is left on the server. */
  idle(): Promise<void>;
  /** Fails if a call does not end. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A real server on free ports of 127.0.0.1. `flags` are options as in `ConfigOption.name`. */
export async function startTestServer(
  services: readonly ServedService[],
  flags: Readonly<Record<string, unknown>> = {},
): Promise<TestServer> {
  const config = loadConfig({ flags: { listen: '127.0.0.1:0', 'http-listen': '127.0.0.1:0', ...flags } });
  const log: LogLine[] = [];
  const write = (level: string) => (fields: object, message: string) => void log.push({ ...fields, level, message });
  const logger = { info: write('info'), warn: write('warn'), error: write('error') };
  const server = createLeatServer({ config, services, log: logger });
  const ports = await server.start();
  const channel = createChannel(`127.0.0.1:${ports.grpcPort}`);
  const factory = createClientFactory().use(errorDetailsClientMiddleware);
  return {
    ...ports,
    server,
    log,
    channel,
    client: (definition) => factory.create(definition, channel),
    idle: () => server.calls.idle(),
    async [Symbol.asyncDispose]() {
      channel.close();
      await server.close();
      await server.calls.idle();
    },
  };
}

import { ChannelCredentials, createChannel, createClientFactory, Metadata, type ClientMiddleware } from 'nice-grpc';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import { EventServiceDefinition, type EventServiceClient } from '../../gen/leat/v1/event_service.js';
import { UserServiceDefinition, type UserServiceClient } from '../../gen/leat/v1/user_service.js';

export interface ConnectOptions {
  /** Where the service listens, `host:port`, for example `127.0.0.1:50051`. */
  readonly address: string;
  /** Name to call under, where authentication is off (`leat-user` metadata). Default: none. */
  readonly user?: string;
  /** Bytes the service may send ahead of what was read, per stream and per connection. Default: 4 MiB. */
  readonly flowControlWindow?: number;
  /** Largest response in bytes. Default: 8 MiB. */
  readonly maxMessageBytes?: number;
}

/** A connection and the typed services behind it. Calls reject with `ClientError`; see `readCallError`. */
export interface LeatClient {
  readonly users: UserServiceClient;
  readonly events: EventServiceClient;
  /** Ends the connection and the calls on it. Repeating it is harmless. */
  close(): void;
}

/** Connects lazily: nothing is sent before the first call, and a lost connection is made again by the next one. */
export function connect(options: ConnectOptions): LeatClient {
  const channel = createChannel(options.address, ChannelCredentials.createInsecure(), channelOptions(options));
  const factory = createClientFactory().use(errorDetailsClientMiddleware).use(callerMiddleware(options.user));
  return {
    users: factory.create(UserServiceDefinition, channel),
    events: factory.create(EventServiceDefinition, channel),
    close: () => channel.close(),
  };
}

function channelOptions({ flowControlWindow = 4 << 20, maxMessageBytes = 8 << 20 }: ConnectOptions) {
  return {
    // 65,535 bytes, the default of HTTP/2, hold one stream at 20 ms round trip to 2 MB/s.
    'grpc-node.flow_control_window': flowControlWindow,
    'grpc.max_receive_message_length': maxMessageBytes,
    // A peer that vanished without a FIN is noticed within 30 s, while calls are running.
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5_000,
    // One connection per client, so that close() ends it.
    'grpc.use_local_subchannel_pool': 1,
  };
}

function callerMiddleware(user: string | undefined): ClientMiddleware {
  return async function* withCaller(call, options) {
    if (user === undefined || user === '') return yield* call.next(call.request, options);
    const metadata = Metadata(options.metadata).set('leat-user', user);
    return yield* call.next(call.request, { ...options, metadata });
  };
}

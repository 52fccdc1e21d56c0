import type { IncomingHttpHeaders, ServerHttp2Session, ServerOptions } from 'node:http2';
import type { DropArgument, ServerOpts as NetServerOptions } from 'node:net';
import { Server, type ChannelOptions, type ServerInterceptor } from '@grpc/grpc-js';
import type { StreamListener } from './admission.js';
import type { WindowControl } from '../flow/control-windows.js';
import { BURST, PER_SECOND } from './reset-budget.js';
import { bufferWhilePaused, type ReceiveControl } from './paused-buffer.js';

/** Of every connection; what grpc-js leaves off or unlimited. Sizes in bytes, times in milliseconds. */
export interface TransportLimits {
  /** HTTP/2 flow-control windows for receiving, of a connection and of each call on it, to begin with. */
  readonly window: number;
  readonly maxReceiveMessageSize: number;
  readonly maxSendMessageSize: number;
  readonly maxConcurrentStreams: number;
  readonly keepaliveTime: number;
  readonly maxConnections: number;
}

/** What the transport does with connections and calls as they come. */
export interface TransportHooks {
  /** A connection was made. */
  connected(session: ServerHttp2Session): void;
  /** One was closed at once, since there are `maxConnections`. */
  refused(address: string): void;
  /** Accepting a connection failed. */
  acceptFailed(error: Error): void;
  /** Stands between the connections and grpc-js, whose listener is `next`. */
  admit(next: StreamListener): StreamListener;
}

/** Options of a server whose transport is tuned; `windows` raises those of busy connections. Needs `installTransportTuning`. */
export function transportOptions(
  limits: TransportLimits,
  interceptors: readonly ServerInterceptor[],
  windows: WindowControl,
  hooks: TransportHooks,
  receiving: ReceiveControl,
): ChannelOptions {
  return {
    [TUNING]: { limits, windows, hooks, receiving } satisfies Tuning,
    interceptors,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams,
    'grpc.max_receive_message_length': limits.maxReceiveMessageSize,
    'grpc.max_send_message_length': limits.maxSendMessageSize,
    // Keepalive, age and idle time are not left to grpc-js: see connection-lifetime.ts.
    // forceShutdown knows the connections by it.
    'grpc.enable_channelz': 1,
  };
}

/** Beyond it HTTP/2 resets the call without a word; below it `maxMetadataSize` is answered with a status. */
const HEADERS_MAX_BYTES = 64 * 1024;

const TUNING = 'leat.transport';

interface Tuning {
  readonly limits: TransportLimits;
  readonly windows: WindowControl;
  readonly hooks: TransportHooks;
  readonly receiving: ReceiveControl;
}

interface Internals {
  readonly options: ChannelOptions;
  commonServerOptions: ServerOptions;
  createHttp2Server: ((credentials: unknown) => Http2Server) & { [installed]?: true };
}

interface Http2Server {
  maxConnections: number;
  on(event: 'session', listener: (session: ServerHttp2Session) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'drop', listener: (data?: DropArgument) => void): void;
  on(event: 'stream', listener: StreamListener): void;
  once(event: 'listening', listener: () => void): void;
  listeners(event: 'stream'): unknown[];
  removeAllListeners(event: 'stream'): void;
}

const installed = Symbol('leat.transport.installed');

/**
 * Wraps how grpc-js makes its HTTP/2 servers, since it reads no option for their windows and header limits
 * (grpc-node pull request 3058 would). Servers without our options are left as they are. Repeating it is harmless.
 */
export function installTransportTuning(): void {
  const prototype = Server.prototype as unknown as Internals;
  const original = prototype.createHttp2Server;
  if (original[installed]) return;
  const tuned = function (this: Internals, credentials: unknown) {
    const tuning = this.options[TUNING] as Tuning | undefined;
    if (tuning === undefined) return original.call(this, credentials);
    const { limits, windows, hooks, receiving } = tuning;
    this.commonServerOptions = withLimits(this.commonServerOptions, limits);
    const server = original.call(this, credentials);
    server.maxConnections = limits.maxConnections;
    server.on('drop', (data) => hooks.refused(data?.remoteAddress ?? 'unknown'));
    // Until then grpc-js takes errors, and from then on nobody would.
    server.once('listening', () => server.on('error', (error) => hooks.acceptFailed(error)));
    const [next] = server.listeners('stream') as [StreamListener];
    const admitted = hooks.admit(next);
    server.removeAllListeners('stream');
    server.on('stream', (stream, headers, flags) => {
      bufferWhilePaused(stream, receiving);
      dropEndlessTimeout(headers);
      admitted(stream, headers, flags);
    });
    server.on('session', (session) => {
      session.setLocalWindowSize(limits.window);
      windows.add(session, streamWindow(limits));
      hooks.connected(session);
    });
    return server;
  };
  prototype.createHttp2Server = Object.assign(tuned, { [installed]: true as const });
}

/** Of a call on a new connection, until the control of windows says, in the same flight, how much there is for it. */
const FIRST_STREAM_WINDOW = 16 * 1024;

function streamWindow({ window }: TransportLimits): number {
  return Math.min(window, FIRST_STREAM_WINDOW);
}

function withLimits(options: ServerOptions, limits: TransportLimits): ServerOptions {
  // `createServer` of node:http2 passes these on to node:net.
  const dead: NetServerOptions = { keepAlive: true, keepAliveInitialDelay: limits.keepaliveTime };
  // Node 20 ignores both and has the same numbers; later versions must not differ from what reset-budget.ts counts.
  const resets = { streamResetBurst: BURST, streamResetRate: PER_SECOND };
  return {
    ...options,
    ...dead,
    ...resets,
    settings: {
      ...options.settings,
      initialWindowSize: streamWindow(limits),
      maxHeaderListSize: HEADERS_MAX_BYTES,
    },
  };
}

const SECONDS_OF = new Map([
  ['H', 3_600],
  ['M', 60],
  ['S', 1],
]);

/** grpc-js keeps milliseconds in 32 bits, and a deadline beyond 24 days would have passed at once. */
function dropEndlessTimeout(headers: IncomingHttpHeaders) {
  const [, digits, unit = ''] = /^(\d+)([HMS])$/.exec(String(headers['grpc-timeout'])) ?? [];
  if (Number(digits) * (SECONDS_OF.get(unit) ?? 0) * 1_000 >= 2 ** 31) delete headers['grpc-timeout'];
}

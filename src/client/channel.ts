import { constants, type ClientHttp2Session } from 'node:http2';
import { ChannelCredentials, Status, type ChannelOptions } from 'nice-grpc';
import { createWindowBudget } from '../flow/window-budget.js';
import { createWindowControl } from '../flow/control-windows.js';
import { formatHostPort, parseHostPort, showAddress, type HostPort } from '../host-port.js';
import type { Route } from './call-errors.js';
import { watchSessions } from './channel-sessions.js';
import { findProxy, type Environment } from './find-proxy.js';
import { keepAfterGoaway } from './keep-after-goaway.js';
import { clientReasons, LeatError } from './leat-error.js';
import { tunnelThrough } from './proxy-tunnel.js';
import { createResetGuard } from './reset-guard.js';
import { refuseEmptyOption } from './refuse-empty-option.js';
import { WireChannel } from './wire-channel.js';

/** How to know the service, and how to be known by it. All in PEM. */
export interface TlsOptions {
  /** Certificates of the authorities to trust. Default: the well-known ones that come with Node. */
  readonly ca?: Buffer | string;
  /** For mutual TLS: this client's certificate chain, and its key. */
  readonly cert?: Buffer | string;
  readonly key?: Buffer | string;
  /** The name that the service's certificate has to have. Default: the host of the address. */
  readonly serverName?: string;
}

export interface ChannelSettings {
  /** Where the service listens: `host:port`, or `[IPv6]:port`. Anything else throws INVALID_ARGUMENT at once. */
  readonly address: string;
  /** True: TLS with the well-known authorities. Default: no TLS. */
  readonly tls?: boolean | TlsOptions;
  /**
   * Bytes the service may send ahead of what was read, per stream and per connection, to begin with. While a connection
   * is far away and busy it gets more, up to twice what is under way in a round trip. Default: 1 MiB.
   */
  readonly flowControlWindow?: number;
  /** And at most. Default: 16 MiB. */
  readonly maxFlowControlWindow?: number;
  /** Largest response in bytes. Default: 8 MiB. */
  readonly maxMessageBytes?: number;
  /**
   * While calls run, the connection is asked for a sign of life after so many milliseconds; half of that later without
   * one it is given up, and made again. Default: 20,000.
   */
  readonly keepaliveMs?: number;
}

export interface OpenChannel extends Route {
  readonly channel: WireChannel;
}

/**
 * Nothing is sent before the first call, and a lost connection is made again by the next one.
 * Throws INVALID_ARGUMENT if the address is not HOST:PORT, or the environment names a proxy that cannot be used for it.
 */
export function openChannel(settings: ChannelSettings, env: Environment = process.env): OpenChannel {
  const server = checkedAddress(settings.address);
  const address = formatHostPort(server);
  const proxy = findProxy(server, env);
  const credentials = credentialsOf(settings.tls);
  const windows = createClientWindows(settings);
  const options: ChannelOptions = {
    'grpc.default_authority': address,
    ...channelOptions(settings),
    ...windows.options,
    // findProxy decides, and tunnelThrough does it.
    'grpc.enable_http_proxy': 0,
  };
  const channel =
    proxy === undefined
      ? new WireChannel(address, credentials, options)
      : new WireChannel(formatHostPort(proxy), tunnelThrough(proxy, server, credentials), options);
  const resets = createResetGuard();
  watchSessions(channel, (session) => {
    refusePushes(session);
    channel.add(session);
    resets.add(session);
    windows.control.add(session);
    keepAfterGoaway(session);
  });
  return { channel, address, proxy };
}

/** gRPC has no server push; the error of a pushed stream, to which grpc-js does not listen, would end the process. */
function refusePushes(session: ClientHttp2Session): void {
  session.on('stream', (pushed) => pushed.on('error', () => undefined).close(constants.NGHTTP2_REFUSED_STREAM));
}

/** The flow-control windows of a client. Its sessions have to be added. */
export function createClientWindows(settings: Pick<ChannelSettings, 'flowControlWindow' | 'maxFlowControlWindow'>) {
  const { flowControlWindow = 1 << 20, maxFlowControlWindow = 16 << 20 } = settings;
  const maxBytes = Math.max(flowControlWindow, maxFlowControlWindow);
  const budget = createWindowBudget(maxBytes);
  const control = createWindowControl({ minBytes: flowControlWindow, maxBytes, budget });
  // 65,535 bytes, the default of HTTP/2, hold one stream at 20 ms round trip to 2 MB/s.
  const options: ChannelOptions = { 'grpc-node.flow_control_window': flowControlWindow };
  return { control, options };
}

function checkedAddress(given: unknown): HostPort {
  const text = typeof given === 'string' ? given : '';
  const parsed = parseHostPort(text);
  if (!('problem' in parsed)) return parsed;
  const { problem } = parsed;
  const hint = /^(?:https|grpcs|http2s):/i.test(text) ? '; for TLS set the option tls' : '';
  throw new LeatError(`address ${showAddress(text)}: ${problem}${hint}`, {
    code: Status.INVALID_ARGUMENT,
    reason: clientReasons.invalidAddress,
    violations: [{ field: 'address', description: problem }],
  });
}

function credentialsOf(tls: boolean | TlsOptions = false): ChannelCredentials {
  if (tls === false) return ChannelCredentials.createInsecure();
  const { ca, cert, key } = tls === true ? {} : tls;
  // Without authorities of its own it would trust the well-known ones.
  for (const [name, value] of Object.entries({ ca, cert, key })) refuseEmptyOption(`tls.${name}`, value);
  try {
    const [roots, privateKey, chain] = [ca, key, cert].map((pem) => (pem === undefined ? null : Buffer.from(pem)));
    return ChannelCredentials.createSsl(roots, privateKey, chain);
  } catch (error) {
    throw unusableTls(error);
  }
}

/** With OpenSSL's own words alone: other errors may quote what they were given. */
function unusableTls(error: unknown): LeatError {
  const { message = '', code = '' } = error as NodeJS.ErrnoException;
  const problem = code.startsWith('ERR_OSSL_') ? `: ${message}` : '';
  return new LeatError(
    `tls.ca, tls.cert and tls.key cannot be used${problem}; give PEM, and the key with its certificate`,
    {
      code: Status.INVALID_ARGUMENT,
      reason: clientReasons.tlsFailed,
    },
  );
}

function channelOptions({ tls, maxMessageBytes, keepaliveMs = 20_000 }: ChannelSettings): ChannelOptions {
  const serverName = typeof tls === 'object' ? tls.serverName : undefined;
  const options: ChannelOptions = {
    'grpc.max_receive_message_length': maxMessageBytes ?? 8 << 20,
    // A peer that vanished without a FIN is noticed, while calls are running.
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': Math.ceil(keepaliveMs / 2),
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5_000,
    // Connections of its own, so that close() ends them.
    'grpc.use_local_subchannel_pool': 1,
  };
  if (serverName === undefined) return options;
  return { ...options, 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
}

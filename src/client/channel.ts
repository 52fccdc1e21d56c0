import { ChannelCredentials, type ChannelOptions } from 'nice-grpc';
import { createWindowBudget } from '../flow/window-budget.js';
import { createWindowControl } from '../flow/control-windows.js';
import { growingWindows } from './growing-windows.js';
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
  /** Where the service listens: `host:port`. */
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

/** Nothing is sent before the first call, and a lost connection is made again by the next one. */
export function openChannel(settings: ChannelSettings): WireChannel {
  const { address, tls } = settings;
  return new WireChannel(address, credentialsOf(tls), { ...channelOptions(settings), ...windowOptions(settings) });
}

/** The part of a channel's options that is about windows. */
export function windowOptions(settings: ChannelSettings): ChannelOptions {
  const { flowControlWindow = 1 << 20, maxFlowControlWindow = 16 << 20 } = settings;
  const maxBytes = Math.max(flowControlWindow, maxFlowControlWindow);
  const budget = createWindowBudget(maxBytes);
  const windows = createWindowControl({ minBytes: flowControlWindow, maxBytes, budget });
  return {
    // 65,535 bytes, the default of HTTP/2, hold one stream at 20 ms round trip to 2 MB/s.
    'grpc-node.flow_control_window': flowControlWindow,
    ...growingWindows(windows),
  };
}

function credentialsOf(tls: boolean | TlsOptions = false): ChannelCredentials {
  if (tls === false) return ChannelCredentials.createInsecure();
  const { ca, cert, key } = tls === true ? {} : tls;
  // Without authorities of its own it would trust the well-known ones.
  for (const [name, value] of Object.entries({ ca, cert, key })) refuseEmptyOption(`tls.${name}`, value);
  const [roots, privateKey, chain] = [ca, key, cert].map((pem) => (pem === undefined ? null : Buffer.from(pem)));
  return ChannelCredentials.createSsl(roots, privateKey, chain);
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
    // One connection per client, so that close() ends it.
    'grpc.use_local_subchannel_pool': 1,
  };
  if (serverName === undefined) return options;
  return { ...options, 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
}

import type { ClientHttp2Session } from 'node:http2';
import type { ChannelOptions } from '@grpc/grpc-js';
import { Http2SubchannelConnector } from '@grpc/grpc-js/build/src/transport.js';
import type { WindowControl } from '../flow/control-windows.js';

const WINDOWS = 'leat.windows';

interface Internals {
  createSession: ((...args: ConnectArguments) => Promise<{ readonly session: ClientHttp2Session }>) & {
    [installed]?: true;
  };
}

type ConnectArguments = [secureConnection: unknown, address: unknown, options: ChannelOptions];

const installed = Symbol('leat.windows.installed');

/** Channel options with which `windows` keeps the receive windows of the channel's connections right. */
export function growingWindows(windows: WindowControl): ChannelOptions {
  install();
  return { [WINDOWS]: windows };
}

/**
 * Wraps how grpc-js makes its connections, since it lets nobody have their sessions. Channels without our option are
 * left as they are. Repeating it is harmless.
 */
function install(): void {
  const prototype = Http2SubchannelConnector.prototype as unknown as Internals;
  const original = prototype.createSession;
  if (original[installed]) return;
  const controlled = async function (this: unknown, ...args: ConnectArguments) {
    const transport = await original.apply(this, args);
    (args[2][WINDOWS] as WindowControl | undefined)?.add(transport.session);
    return transport;
  };
  prototype.createSession = Object.assign(controlled, { [installed]: true as const });
}

import { request, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import { formatHostPort, type HostPort } from '../host-port.js';
import type { Proxy } from './find-proxy.js';

/** A proxy that has not answered for so long, in milliseconds, does not. */
const ANSWER_MS = 20_000;

interface SecureConnector {
  connect(socket: Socket): Promise<unknown>;
}

interface Internals {
  _createSecureConnector(target: unknown, options: ChannelOptions, ...rest: unknown[]): SecureConnector;
}

/**
 * Credentials of a channel to a proxy: each connection becomes a tunnel to the server before TLS or HTTP/2 begin. grpc-js
 * (1.14.7, `http_proxy.js`) has tunnels too, but decides by the environment alone whether to use one, with exceptions
 * that it does not trim, and drops the reason when one fails.
 */
export function tunnelThrough(proxy: Proxy, server: HostPort, credentials: ChannelCredentials): ChannelCredentials {
  const internals = credentials as unknown as Internals;
  const original = internals._createSecureConnector.bind(credentials);
  return Object.assign(credentials, {
    _createSecureConnector: ((target, options, ...rest) => {
      // The certificate has to be the server's.
      const realTarget = { 'grpc.http_connect_target': `dns:${formatHostPort(server)}` };
      const connector = original(target, { ...options, ...realTarget }, ...rest);
      const connect = connector.connect.bind(connector);
      return Object.assign(connector, {
        connect: async (socket: Socket) => connect(await openTunnel(socket, proxy, server)),
      });
    }) satisfies Internals['_createSecureConnector'],
  });
}

function openTunnel(socket: Socket, { credentials }: Proxy, server: HostPort): Promise<Socket> {
  const path = formatHostPort(server);
  const headers: Record<string, string> = { host: path };
  if (credentials !== undefined) {
    headers['proxy-authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`;
  }
  return new Promise((resolve, reject) => {
    const connect = request({ method: 'CONNECT', path, headers, createConnection: () => socket, setHost: false });
    const giveUp = () => void connect.destroy(new Error(`it did not answer for ${ANSWER_MS / 1000} s`));
    const timer = setTimeout(giveUp, ANSWER_MS).unref();
    connect.once('connect', ({ statusCode = 0 }, tunnel, head) => {
      clearTimeout(timer);
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy();
        reject(new Error(`it answered ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim()));
        return;
      }
      if (head.length > 0) tunnel.unshift(head);
      resolve(socket);
    });
    connect.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    connect.end();
  });
}

import type { ClientHttp2Session } from 'node:http2';
import type { ChannelInterface } from '@grpc/grpc-js';

interface Connector {
  createSession(...args: unknown[]): Promise<{ readonly session: ClientHttp2Session }>;
}

interface Internals {
  readonly internalChannel: {
    readonly subchannelPool: { getOrCreateSubchannel(...args: unknown[]): { readonly connector: Connector } };
  };
}

/**
 * Calls `onSession` with each HTTP/2 session that the channel makes, before its first call. grpc-js (1.14.7) lets nobody
 * have its sessions, so this replaces a method of the channel's own objects; other channels are left as they are.
 * The channel needs a pool of its own (`grpc.use_local_subchannel_pool`).
 */
export function watchSessions(channel: ChannelInterface, onSession: (session: ClientHttp2Session) => void): void {
  const { subchannelPool } = (channel as unknown as Internals).internalChannel;
  const getSubchannel = subchannelPool.getOrCreateSubchannel.bind(subchannelPool);
  const watched = new WeakSet<Connector>();
  subchannelPool.getOrCreateSubchannel = (...args) => {
    const subchannel = getSubchannel(...args);
    const { connector } = subchannel;
    if (watched.has(connector)) return subchannel;
    watched.add(connector);
    const createSession = connector.createSession.bind(connector);
    connector.createSession = async (...connectArgs) => {
      const transport = await createSession(...connectArgs);
      onSession(transport.session);
      return transport;
    };
    return subchannel;
  };
}

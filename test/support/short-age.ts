import { once } from 'node:events';
import { connectRaw } from './raw-http2.js';
import { startTestServer } from './test-server.js';

/** A connection is old after a second, and would be pinged each second from then on. */
export const shortAge = {
  'max-connection-age': '1s',
  'max-connection-age-grace': '1h',
  'keepalive-time': '1s',
  'keepalive-timeout': '100ms',
};

/** Resolves when a server has sent two keepalive pings, one each second, on a connection of its own. */
export async function twoPings(): Promise<void> {
  await using clock = await startTestServer([], { 'keepalive-time': '1s' });
  await using connection = await connectRaw(clock.grpcPort);
  for (let i = 0; i < 2; i++) await once(connection.session, 'ping');
}

import type { ClientHttp2Session } from 'node:http2';

type PingCallback = (error: Error | null, duration: number, payload: Buffer) => void;

/**
 * Keeps calls running on a session after a graceful GOAWAY. Node counts such a session as closed and fails its pings
 * without sending them, and grpc-js then drops the connection with all its calls (grpc-node issue 3068). In place of a
 * ping, which a server may also count against a connection that it is draining, the session sends empty SETTINGS, which
 * every peer has to acknowledge: a dead one is still noticed after the keepalive timeout.
 */
export function keepAfterGoaway(session: ClientHttp2Session): void {
  const ping = session.ping.bind(session) as (...args: unknown[]) => boolean;
  session.ping = (...args: unknown[]): boolean => {
    const callback = args.at(-1);
    if (!session.closed || typeof callback !== 'function') return ping(...args);
    const startedAt = performance.now();
    session.settings({}, (error: Error | null) => {
      (callback as PingCallback)(error, performance.now() - startedAt, Buffer.alloc(8));
    });
    return true;
  };
}

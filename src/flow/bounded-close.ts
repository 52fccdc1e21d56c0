import type { Http2Session } from 'node:http2';

/** What a peer has to take the last frames, GOAWAY among them, before its TCP connection is closed, in milliseconds. */
const CLOSE_GRACE_MS = 1_000;

/**
 * Makes `session.destroy()`, whoever calls it, close the TCP connection within `graceMs`. Node 20 waits for the write in
 * progress, which never ends when the peer does not read: the session would emit no `close` and keep its socket for ever.
 * Returns a function that closes the connection after the same time without `destroy()`, for a session that `close()`
 * keeps open because its resets cannot be written. Repeating it is harmless.
 */
export function boundClose(session: Http2Session, graceMs = CLOSE_GRACE_MS): () => void {
  if (session.destroyed) return () => undefined;
  let timer: NodeJS.Timeout | undefined;
  // Returns the socket itself: `session.socket` stands for it, has no usable `destroy`, and is gone with the session.
  const socket = session.socket.once('close', () => clearTimeout(timer));

  function closeSoon(): void {
    if (socket.destroyed) return;
    timer ??= setTimeout(() => socket.destroy(), graceMs).unref();
  }

  const destroy = session.destroy.bind(session);
  session.destroy = (...args) => {
    destroy(...args);
    closeSoon();
  };
  return closeSoon;
}

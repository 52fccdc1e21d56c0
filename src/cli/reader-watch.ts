import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { connect } from 'node:net';

/** Between two checks of a socket, in milliseconds. */
const SOCKET_INTERVAL_MS = 500;

/**
 * Calls `onGone` once when the reader of a pipe or a socket has closed it, also while nothing is written: a write is all
 * that Node itself notices it by. Does nothing for files and terminals. Keeps no process alive. Returns what ends the
 * watch; repeating it is harmless.
 */
export function watchReader(fd: number, onGone: () => void): () => void {
  try {
    const stats = fstatSync(fd);
    if (stats.isFIFO()) return watchPipe(fd, onGone);
    if (stats.isSocket()) return watchSocket(fd, onGone);
  } catch {
    // Not a Linux machine, or a descriptor that is closed: the next write notices.
  }
  return () => undefined;
}

/** What Node keeps below a TCP socket (Node 20 to 24). */
interface TcpHandle {
  onread: (bytes: ArrayBuffer | undefined) => void;
  open(fd: number): number;
  readStart(): number;
  unref(): void;
  close(): void;
}

/**
 * Polls a second descriptor of the pipe for reading. The kernel reports an error on the write end as soon as no reader
 * is left. Node's own pipe handle refuses to read from a write end; its TCP handle does not ask.
 */
function watchPipe(fd: number, onGone: () => void): () => void {
  const handle = createTcpHandle();
  const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  let isOpen = true;
  const stop = () => {
    if (isOpen) handle.close();
    isOpen = false;
  };
  handle.onread = () => {
    stop();
    onGone();
  };
  handle.open(own);
  handle.readStart();
  handle.unref();
  return stop;
}

function createTcpHandle(): TcpHandle {
  // A look-up that never answers: nothing is connected.
  const socket = connect({ host: 'none', port: 1, lookup: () => undefined });
  const { _handle: handle } = socket as unknown as { _handle: TcpHandle & { constructor: new (type: 0) => TcpHandle } };
  socket.destroy();
  return new handle.constructor(0);
}

/** An empty write to a socket fails once its peer has closed it. */
function watchSocket(fd: number, onGone: () => void): () => void {
  const timer = setInterval(() => {
    try {
      writeSync(fd, Buffer.alloc(0));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return;
      clearInterval(timer);
      onGone();
    }
  }, SOCKET_INTERVAL_MS).unref();
  return () => clearInterval(timer);
}

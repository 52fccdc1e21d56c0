import type { Writable } from 'node:stream';
import { execute, throwIfAborted } from 'abort-controller-x';

/** Where a command's results go. */
export interface Output {
  /** Resolves when there is room for more; so a slow pipe slows the reader down, and nothing piles up here. */
  write(text: string | Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Resolves when the text has left this process; rejects with AbortError if its reader is gone and `signal` says so. */
  deliver(text: string, signal: AbortSignal): Promise<void>;
}

/**
 * Writes to a stream that may be slow or closed by its reader. A reader who has seen enough (`| head`) is no error:
 * `onClosed` is called once, at the latest by the next write, and writes do nothing from then on.
 * Other errors of the stream (a full disk behind a redirection) reject the next write. Listens for errors as long as
 * the stream lives: one may come after the last write.
 */
export function createOutput(stream: Writable, onClosed: () => void): Output {
  let closed = false;
  const failures: Error[] = [];
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') {
      failures.push(error);
    } else if (!closed) {
      closed = true;
      onClosed();
    }
  };
  stream.on('error', onError);
  return {
    async write(text, signal) {
      if (signal !== undefined) throwIfAborted(signal);
      if (!closed && failures.length === 0 && !stream.write(text)) await waitForRoom(stream, signal);
      const [failure] = failures;
      if (failure !== undefined) throw failure;
    },
    async deliver(text, signal) {
      throwIfAborted(signal);
      const error = await execute<NodeJS.ErrnoException | null | undefined>(signal, (resolve) => {
        stream.write(text, resolve);
        return () => undefined;
      });
      // The stream tells its listeners later, and whoever called must know now.
      if (error) onError(error);
      const [failure] = failures;
      if (failure !== undefined) throw failure;
      throwIfAborted(signal);
    },
  };
}

/** Resolves when the stream takes more or never will; rejects with AbortError when `signal` aborts. */
async function waitForRoom(stream: Writable, signal = new AbortController().signal): Promise<void> {
  const events = ['drain', 'error', 'close'] as const;
  await execute<void>(signal, (resolve) => {
    const stopListening = () => events.forEach((event) => stream.off(event, settle));
    const settle = () => {
      stopListening();
      resolve();
    };
    events.forEach((event) => stream.on(event, settle));
    return stopListening;
  });
}

import { Writable } from 'node:stream';
import type { WritableStream } from 'node:stream/web';
import { abortable, execute, throwIfAborted } from 'abort-controller-x';

/** Where bytes are written to, one after the other. */
export interface ByteWriter {
  /** Resolves when there is room for more. Rejects with what the stream failed with, AbortError when `signal` aborts. */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** All is written: resolves when the stream has it, too. */
  end(signal: AbortSignal): Promise<void>;
  /** Leaves the stream as it is after a failure: destroyed, so that nobody takes what it has for the whole. */
  fail(error: unknown): void;
}

/** `ends`: whether the stream is ended, or destroyed after a failure. */
export function createByteWriter(stream: Writable | WritableStream<Uint8Array>, ends: boolean): ByteWriter {
  return stream instanceof Writable ? nodeWriter(stream, ends) : webWriter(stream, ends);
}

function nodeWriter(stream: Writable, ends: boolean): ByteWriter {
  let failure: { readonly error: unknown } | undefined;
  const onError = (error: unknown) => (failure ??= { error });
  const onClose = () => {
    if (!stream.writableFinished) failure ??= { error: new Error('the stream was closed before all was written') };
  };
  if (stream.destroyed) onClose();
  stream.on('error', onError).on('close', onClose);
  const leave = () => void stream.off('error', onError).off('close', onClose);

  /** Resolves with one of the events, or as the stream fails. */
  async function wait(event: 'drain' | 'finish', signal: AbortSignal): Promise<void> {
    await execute<void>(signal, (resolve) => {
      const events = [event, 'error', 'close'] as const;
      const stop = () => events.forEach((name) => stream.off(name, settle));
      const settle = () => {
        stop();
        resolve();
      };
      events.forEach((name) => stream.on(name, settle));
      return stop;
    });
    if (failure !== undefined) throw failure.error;
  }

  return {
    async write(bytes, signal) {
      throwIfAborted(signal);
      if (failure !== undefined) throw failure.error;
      if (!stream.write(bytes)) await wait('drain', signal);
    },
    async end(signal) {
      // A stream that is closed by now says nothing more.
      if (failure !== undefined) throw failure.error;
      if (ends) {
        stream.end();
        if (!stream.writableFinished) await wait('finish', signal);
      }
      leave();
    },
    fail() {
      leave();
      if (!ends) return;
      // What it says to that is told already.
      stream.on('error', () => undefined);
      stream.destroy();
    },
  };
}

function webWriter(stream: WritableStream<Uint8Array>, ends: boolean): ByteWriter {
  const writer = stream.getWriter();
  writer.closed.catch(() => undefined); // The next write says it.
  return {
    async write(bytes, signal) {
      await abortable(signal, writer.ready);
      // Its failure is that of `ready`, from then on.
      writer.write(bytes).catch(() => undefined);
    },
    async end(signal) {
      await abortable(signal, ends ? writer.close() : writer.ready);
      writer.releaseLock();
    },
    fail(error) {
      // It waits for what is being written, which may be for ever.
      if (ends) writer.abort(error).catch(() => undefined);
      writer.releaseLock();
    },
  };
}

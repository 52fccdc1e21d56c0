import { execute } from 'abort-controller-x';

/**
 * Resolves in the next turn of the event loop, after waiting input and output had their turn. A loop that can go on
 * for long without waiting calls it between its steps, so that other calls are served.
 * Rejects with AbortError when `signal` aborts; leaves nothing behind.
 */
export function yieldToEventLoop(signal: AbortSignal): Promise<void> {
  return execute<void>(signal, (resolve) => {
    const immediate = setImmediate(resolve);
    return () => clearImmediate(immediate);
  });
}

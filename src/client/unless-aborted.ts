import { abortable, isAbortError } from 'abort-controller-x';

/** What the promise gives; undefined if `signal` aborts first. Leaves no listener behind. */
export async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T | undefined> {
  try {
    return await abortable(signal, promise);
  } catch (error) {
    if (isAbortError(error)) return undefined;
    throw error;
  }
}

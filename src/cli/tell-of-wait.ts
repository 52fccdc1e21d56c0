/**
 * Calls `tell` if something is still running a second after `signal` aborted. The returned function says that it is over,
 * and leaves no timer and no listener.
 */
export function tellOfWait(signal: AbortSignal, tell: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => void (timer = setTimeout(tell, PATIENCE_MS));
  signal.addEventListener('abort', onAbort);
  return () => {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  };
}

const PATIENCE_MS = 1_000;

/** A signal that others can abort, besides the one that it follows. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Whoever waits with the signal rejects with this. */
  abort(reason: Error): void;
  /** Stops following; must be called. */
  end(): void;
}

/** Follows the signal of a call: not one that lives as long as the process. */
export function linkSignal(followed: AbortSignal): LinkedSignal {
  const controller = new AbortController();
  const follow = () => controller.abort(followed.reason);
  if (followed.aborted) follow();
  else followed.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    end: () => followed.removeEventListener('abort', follow),
  };
}

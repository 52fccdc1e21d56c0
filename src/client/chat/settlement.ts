/** A promise that is settled from outside, once; nobody has to listen to it. */
export interface Settlement {
  readonly promise: Promise<void>;
  /** Resolves without an error, rejects with one. */
  settle(error?: unknown): void;
}

export function createSettlement(): Settlement {
  let resolve = () => undefined as void;
  let reject = (_error: unknown) => undefined as void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => undefined); // Whoever is interested listens.
  return {
    promise,
    settle: (error) => (error === undefined ? resolve() : reject(error)),
  };
}

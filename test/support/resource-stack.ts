/** What a test opened, to be closed in the opposite order. (AsyncDisposableStack is not in Node 20.) */
export interface ResourceStack {
  /** Takes a resource over. */
  use<R extends { [Symbol.asyncDispose](): PromiseLike<void> }>(resource: R): R;
  /** Closes all, even if some of them fail; then fails as the first that did. */
  dispose(): Promise<void>;
}

export function createResourceStack(): ResourceStack {
  const resources: { [Symbol.asyncDispose](): PromiseLike<void> }[] = [];
  return {
    use(resource) {
      resources.push(resource);
      return resource;
    },
    async dispose() {
      const failures: unknown[] = [];
      for (let next = resources.pop(); next; next = resources.pop()) {
        await next[Symbol.asyncDispose]().then(undefined, (error: unknown) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}

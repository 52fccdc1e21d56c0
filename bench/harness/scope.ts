/** What a run opened: processes and folders, closed in the opposite order. (AsyncDisposableStack is not in Node 20.) */
export interface Scope {
  /** Takes a resource over, when it is there. */
  use<R extends AsyncDisposable>(opening: Promise<R>): Promise<R>;
}

export function createScope(): Scope & AsyncDisposable {
  const resources: AsyncDisposable[] = [];
  return {
    async use(opening) {
      const resource = await opening;
      resources.push(resource);
      return resource;
    },
    async [Symbol.asyncDispose]() {
      for (let next = resources.pop(); next; next = resources.pop()) await next[Symbol.asyncDispose]();
    },
  };
}

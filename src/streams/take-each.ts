/**
 * As `for await (const item of items) await take(item)`, but lets go of each item before it waits for the next: the
 * frame of a function that is suspended keeps all its variables, and a thousand idle streams would keep a thousand
 * messages.
 */
export async function takeEach<T>(items: AsyncIterable<T>, take: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    while (await takeNext(iterator, take));
  } catch (error) {
    await iterator.return?.();
    throw error;
  }
}

async function takeNext<T>(iterator: AsyncIterator<T>, take: (item: T) => Promise<void>): Promise<boolean> {
  const result = await iterator.next();
  if (!result.done) await take(result.value);
  return !result.done;
}

/** `map` for each item, without a generator, for the same reason. */
export function mapEach<T, U>(items: AsyncIterable<T>, map: (item: T) => U): AsyncIterableIterator<U> {
  const iterator = items[Symbol.asyncIterator]();
  return {
    async next() {
      const result = await iterator.next();
      return result.done ? { done: true, value: undefined } : { done: false, value: map(result.value) };
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

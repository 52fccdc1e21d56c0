import { setImmediate as nextTurn } from 'node:timers/promises';

/** The promise; rejects, saying what was waited for, when that takes far too long. */
export async function soon<T>(what: string, promise: PromiseLike<T>, limitMs = 20_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited for too long: ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when the condition holds; it is looked at once in every turn of the event loop, until that takes far too long. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>, limitMs = 20_000) {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited for too long: ${what}`);
    await nextTurn();
  }
}

/** What a process has said so far, and how to wait for something in it. */
export interface WatchedText {
  readonly text: string;
  readonly add: (chunk: string) => void;
  /** Resolves when it matches; rejects if the process ends without, or says nothing of the kind for 30 seconds. */
  readonly until: (pattern: RegExp) => Promise<RegExpExecArray>;
}

const BOUND_MS = 30_000;

/** `ended` resolves with what to tell about a process that ended. */
export function watchText(ended: Promise<unknown>): WatchedText {
  const watchers = new Set<() => void>();
  let text = '';
  return {
    get text() {
      return text;
    },
    add(chunk) {
      text += chunk;
      watchers.forEach((watch) => watch());
    },
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const leave = (act: () => void) => {
          watchers.delete(watch);
          clearTimeout(timer);
          act();
        };
        const watch = () => {
          const match = pattern.exec(text);
          if (match !== null) leave(() => resolve(match));
        };
        const fail = (why: string) => leave(() => reject(new Error(`${why} ${pattern}; so far: ${text}`)));
        const timer = setTimeout(() => fail(`waited ${BOUND_MS / 1000} s for`), BOUND_MS);
        watchers.add(watch);
        watch();
        void ended.then((end) => fail(`ended (${JSON.stringify(end)}) before`));
      }),
  };
}

/** Bounds how many sends are under way, in all rooms of one stream. */
export interface SendLimit {
  /** Calls `go` when there is room for one more: at once, or in turn. It says whether it takes that room. */
  enter(go: () => boolean): void;
  /** One is done. */
  leave(): void;
  /** Resolves when there is room, and nobody waits for it. */
  ready(): Promise<void>;
  /** Resolves when nothing is under way. */
  settled(): Promise<void>;
}

export function createSendLimit(max: number): SendLimit {
  const queue: (() => boolean)[] = [];
  let count = 0;
  let watchers: (() => void)[] = [];
  const change = () => new Promise<void>((resolve) => watchers.push(resolve));

  function letIn(): void {
    while (count < max) {
      const go = queue.shift();
      if (go === undefined) return;
      if (go()) count++;
    }
  }

  return {
    enter(go) {
      queue.push(go);
      letIn();
    },
    leave() {
      count--;
      letIn();
      const told = watchers;
      watchers = [];
      told.forEach((tell) => tell());
    },
    async ready() {
      while (count >= max) await change();
    },
    async settled() {
      while (count > 0) await change();
    },
  };
}

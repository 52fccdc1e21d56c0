/** How many sends are under way, in all rooms of one stream. */
export interface SendLimit {
  /** False if there are too many. */
  enter(): boolean;
  leave(): void;
  /** Resolves when `enter` would say yes. */
  ready(): Promise<void>;
  /** Resolves when nothing is under way. */
  settled(): Promise<void>;
}

export function createSendLimit(max: number): SendLimit {
  let count = 0;
  let waiting: (() => void)[] = [];
  const change = () => new Promise<void>((resolve) => waiting.push(resolve));
  return {
    enter() {
      if (count >= max) return false;
      count++;
      return true;
    },
    leave() {
      count--;
      const told = waiting;
      waiting = [];
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

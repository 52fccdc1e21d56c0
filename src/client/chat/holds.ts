/** What the service asked not to hear again for a while, by name. Everything else goes on meanwhile. */
export interface Holds {
  /** For so many milliseconds from now. */
  hold(name: string, ms: number): void;
  has(name: string): boolean;
  /** Ends all of them; leaves no timer. */
  clear(): void;
}

/** `onOver` is called when one of them is over. */
export function createHolds(onOver: () => void): Holds {
  const timers = new Map<string, NodeJS.Timeout>();
  return {
    hold(name, ms) {
      clearTimeout(timers.get(name));
      const release = () => {
        timers.delete(name);
        onOver();
      };
      timers.set(name, setTimeout(release, ms));
    },
    has: (name) => timers.has(name),
    clear() {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}

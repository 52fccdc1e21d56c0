/** Who waits for which topic to grow. */
export function createWakes() {
  const waiting = new Map<string, Set<() => void>>();

  return {
    /** Calls back after the topic grew, until the returned function is called. */
    on(topic: string, callback: () => void): () => void {
      // Each registration is one of its own, even of the same function.
      const entry = () => callback();
      const callbacks = waiting.get(topic) ?? new Set();
      waiting.set(topic, callbacks.add(entry));
      return () => {
        callbacks.delete(entry);
        if (callbacks.size === 0 && waiting.get(topic) === callbacks) waiting.delete(topic);
      };
    },

    wake(topic: string): void {
      for (const callback of waiting.get(topic) ?? []) callback();
    },

    /** Topics that somebody waits for. */
    topics: (): readonly string[] => [...waiting.keys()],
  };
}

export type Wakes = ReturnType<typeof createWakes>;

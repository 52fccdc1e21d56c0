/** Bytes that the flow-control windows of a process may grow by, all connections together. */
export interface WindowBudget {
  /** Takes up to `bytes`; returns how many were left to take. */
  take(bytes: number): number;
  give(bytes: number): void;
}

export function createWindowBudget(totalBytes: number): WindowBudget {
  let left = totalBytes;
  return {
    take(bytes) {
      const taken = Math.min(bytes, left);
      left -= taken;
      return taken;
    },
    give(bytes) {
      left += bytes;
    },
  };
}

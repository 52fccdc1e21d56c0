/** Lets so many messages of a stream in, and one more for each that was taken. */
export interface ReadGate {
  /** Calls `read` when there is room; at once, if there is. */
  enter(read: () => void): void;
  /** One was taken. */
  taken(): void;
}

export function createReadGate(room: number): ReadGate {
  const waiting: (() => void)[] = [];
  let free = room;
  function letIn(): void {
    while (free > 0) {
      const read = waiting.shift();
      if (read === undefined) return;
      free--;
      read();
    }
  }
  return {
    enter(read) {
      waiting.push(read);
      letIn();
    },
    taken() {
      free++;
      letIn();
    },
  };
}

/** Knows when it is time for a snapshot: when readers who begin now have to read too much. */
export interface Backlog {
  readonly isDue: boolean;
  /** An update has come that no snapshot includes. */
  update(bytes: number): void;
  /** A snapshot has come that includes nearly all. */
  snapshot(bytes: number): void;
}

const MIN_BYTES = 1 << 20;

/** Due after `compactAfter` updates or up to twice as many, so that not all members write one at the same time. */
export function createBacklog(compactAfter: number, random: () => number = Math.random): Backlog {
  let updates = 0;
  let bytes = 0;
  let maxBytes = MIN_BYTES;
  let spread = 1 + random();
  return {
    get isDue() {
      return compactAfter > 0 && (updates >= compactAfter * spread || bytes >= maxBytes * spread);
    },
    update(size) {
      updates++;
      bytes += size;
    },
    snapshot(size) {
      updates = 0;
      bytes = 0;
      // Writing a large document for every small change would cost more than it saves.
      maxBytes = MIN_BYTES + 2 * size;
      spread = 1 + random();
    },
  };
}

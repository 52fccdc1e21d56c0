/** Which line of the input each event came from. Where no line is passed over it is one entry, whatever the input. */
export interface LineMap {
  /** The next events came from the lines from `firstLine` on. */
  add(firstLine: number, count: number): void;
  /** The line of the event with this number, from 1; 0 for 0. */
  lineOf(event: number): number;
  /** Lines of events before this one are not asked for any more. */
  forgetBefore(event: number): void;
}

interface Entry {
  /** The event's number. */
  readonly event: number;
  readonly line: number;
}

export function createLineMap(): LineMap {
  let entries: Entry[] = [];
  let events = 0;
  const lineOf = (event: number) => {
    const entry = entries.findLast((known) => known.event <= event);
    return entry === undefined ? 0 : entry.line + (event - entry.event);
  };
  return {
    add(firstLine, count) {
      if (events === 0 || lineOf(events) + 1 !== firstLine) entries.push({ event: events + 1, line: firstLine });
      events += count;
    },
    lineOf,
    forgetBefore(event) {
      const kept = entries.findLastIndex((known) => known.event <= event);
      if (kept > 0) entries = entries.slice(kept);
    },
  };
}

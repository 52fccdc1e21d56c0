import { SLICE_ITEMS } from './in-slices.js';
import { timerMs } from './timers.js';

/** Many deadlines that share one timer. An item has one deadline at most. */
export interface Deadlines<T> {
  /** In `ms` from now, instead of any other time. */
  set(item: T, ms: number): void;
  clear(item: T): void;
  /** Items that have a deadline. */
  readonly size: number;
}

/** Deadlines of one tick come together; none comes early, none later than a tick and what the process is busy. */
const TICK_MS = 100;

/**
 * One timer for the process, however many items wait, and none while nobody does; it does not keep the process alive.
 * @param onDue called once for each item whose time has come; it may set the item again
 */
export function createDeadlines<T>(
  onDue: (item: T) => void,
  now: () => number = () => performance.now(),
): Deadlines<T> {
  const tickOf = new Map<T, number>();
  const ticks = new Map<number, Set<T>>();
  let timer: NodeJS.Timeout | undefined;
  let timerTick = Infinity;

  function clear(item: T): void {
    const tick = tickOf.get(item);
    if (tick === undefined) return;
    tickOf.delete(item);
    const items = ticks.get(tick);
    items?.delete(item);
    if (items?.size === 0) ticks.delete(tick);
    if (tickOf.size === 0) stop();
  }

  function stop(): void {
    clearTimeout(timer);
    timerTick = Infinity;
  }

  function arm(tick: number): void {
    if (tick >= timerTick) return;
    stop();
    timerTick = tick;
    timer = setTimeout(fire, timerMs(tick * TICK_MS - now()));
    timer.unref();
  }

  function fire(): void {
    timerTick = Infinity;
    const current = Math.floor(now() / TICK_MS);
    let taken = 0;
    for (const tick of [...ticks.keys()].filter((tick) => tick <= current)) {
      for (const item of [...(ticks.get(tick) ?? [])]) {
        // The rest is due at the next timer, so that other work is done in between.
        if (taken++ === SLICE_ITEMS) return arm(tick);
        // One before it may have cleared it, or set it again.
        if (tickOf.get(item) !== tick) continue;
        clear(item);
        onDue(item);
      }
    }
    if (ticks.size > 0) arm(Math.min(...ticks.keys()));
  }

  return {
    set(item, ms) {
      clear(item);
      const tick = Math.ceil((now() + ms) / TICK_MS);
      const items = ticks.get(tick) ?? new Set();
      ticks.set(tick, items.add(item));
      tickOf.set(item, tick);
      arm(tick);
    },
    clear,
    get size() {
      return tickOf.size;
    },
  };
}

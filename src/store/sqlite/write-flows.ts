import type { Waiting } from './write-queue.js';

/** Work of one flow before the next one has its turn: one event of the default size limit. */
const QUANTUM = 256 * 1024;

/** The units of one caller, in order. */
export interface Flow {
  readonly key: unknown;
  units: Waiting[];
  /** Work that it may still send in this turn. */
  deficit: number;
  /** Work of its units that are not settled, and of rooms that were set aside for it. */
  held: number;
  /** How many of it wait for room. */
  waiters: number;
}

/**
 * Picks units of many flows in turns, by the work that they are (deficit round robin). A flow that begins to have some
 * goes before those that had some before, for one turn, so that who writes little hardly waits for who writes much.
 */
export function createFlows() {
  const known = new Map<unknown, Flow>();
  const fresh = new Set<Flow>();
  const old = new Set<Flow>();

  /** Whose turn it is. */
  function current(): Flow | undefined {
    const [flow] = fresh.size > 0 ? fresh : old;
    return flow;
  }

  function endTurn(flow: Flow): void {
    fresh.delete(flow);
    old.delete(flow);
    // One without units stays for a turn: it must not become fresh again by pausing.
    if (flow.units.length > 0 || flow.deficit > 0) old.add(flow);
    flow.deficit = flow.units.length > 0 ? flow.deficit + QUANTUM : 0;
  }

  return {
    of(key: unknown): Flow {
      const flow = known.get(key) ?? { key, units: [], deficit: 0, held: 0, waiters: 0 };
      known.set(key, flow);
      return flow;
    },

    add(flow: Flow, unit: Waiting): void {
      flow.units.push(unit);
      if (fresh.has(flow) || old.has(flow)) return;
      flow.deficit = QUANTUM;
      fresh.add(flow);
    },

    /** The next unit, which stays where it is; undefined if there is none. */
    peek(): Waiting | undefined {
      for (let flow = current(); flow; flow = current()) {
        const [unit] = flow.units;
        if (unit && unit.work <= flow.deficit) return unit;
        endTurn(flow);
      }
      return undefined;
    },

    /** Takes out what `peek` returned. */
    take({ flow, work }: Waiting): void {
      flow.units.shift();
      flow.deficit -= work;
    },

    /** Takes out and returns all units that `which` picks. */
    remove(which: (unit: Waiting) => boolean): Waiting[] {
      const removed: Waiting[] = [];
      for (const flow of [...fresh, ...old]) {
        for (const unit of flow.units) if (which(unit)) removed.push(unit);
        flow.units = flow.units.filter((unit) => !which(unit));
      }
      return removed;
    },

    /** The first of all units that wait, by their numbers; Infinity if none does. */
    firstNumber(): number {
      return [...fresh, ...old].reduce((first, { units }) => Math.min(first, units[0]?.number ?? Infinity), Infinity);
    },

    /** Forgets a flow that holds nothing. */
    forgetIfIdle(flow: Flow): void {
      if (flow.held <= 0 && flow.waiters === 0 && flow.units.length === 0) known.delete(flow.key);
    },
  };
}

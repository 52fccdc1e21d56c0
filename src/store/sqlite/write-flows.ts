import type { RoomWaiter } from './write-room.js';
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
  /** Its calls that wait for room, in order. */
  readonly waiters: Set<RoomWaiter>;
  /** Bytes that those hold. */
  roomlessBytes: number;
  /** The level of waiting flows that it stands in (write-room.ts), if any. */
  level: Set<Flow> | undefined;
}

/**
 * Picks units of many flows in turns, by the work that they are (deficit round robin). A flow that begins to have some
 * is fresh for one turn: turns of fresh flows alternate with turns of old ones, so that a caller that writes little
 * hardly waits for callers that write much, and callers that are always fresh cannot starve the others.
 */
export function createFlows() {
  const known = new Map<unknown, Flow>();
  const fresh = new Set<Flow>();
  const old = new Set<Flow>();
  let wasFreshTurn = false;

  /** Whose turn it is. */
  function current(): Flow | undefined {
    const isFreshTurn = fresh.size > 0 && (old.size === 0 || !wasFreshTurn);
    const [flow] = isFreshTurn ? fresh : old;
    return flow;
  }

  function endTurn(flow: Flow): void {
    wasFreshTurn = fresh.delete(flow);
    old.delete(flow);
    const hasMore = flow.units.length > 0;
    flow.deficit = QUANTUM + (hasMore ? flow.deficit : 0);
    // One without units stays for a turn: it must not become fresh again by pausing.
    if (hasMore || wasFreshTurn) old.add(flow);
    else forgetIfIdle(flow);
  }

  /** Forgets a flow that holds nothing and waits for no turn. */
  function forgetIfIdle(flow: Flow): void {
    if (flow.held > 0 || flow.waiters.size > 0 || fresh.has(flow) || old.has(flow)) return;
    if (known.get(flow.key) === flow) known.delete(flow.key);
  }

  return {
    of(key: unknown): Flow {
      const flow = known.get(key) ?? createFlow(key);
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
        const picked = flow.units.filter(which);
        if (picked.length === 0) continue;
        removed.push(...picked);
        flow.units = flow.units.filter((unit) => !which(unit));
        // No turn may follow that would let it go.
        if (flow.units.length > 0) continue;
        fresh.delete(flow);
        old.delete(flow);
      }
      return removed;
    },

    /** The first of all units that wait, by their numbers; Infinity if none does. */
    firstNumber(): number {
      return [...fresh, ...old].reduce((first, { units }) => Math.min(first, units[0]?.number ?? Infinity), Infinity);
    },

    forgetIfIdle,

    /** How many flows are known. */
    get size(): number {
      return known.size;
    },
  };
}

export function createFlow(key: unknown): Flow {
  return { key, units: [], deficit: 0, held: 0, waiters: new Set(), roomlessBytes: 0, level: undefined };
}

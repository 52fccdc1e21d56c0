import { execute } from 'abort-controller-x';
import { overloaded } from './sqlite-errors.js';
import type { Flow } from './write-flows.js';

/** Work that may wait for the disk in rooms that were set aside. */
const MAX_ROOM_WORK = 32 * 1024 * 1024;
/** Work that may wait without; beyond it such writes are refused. */
const MAX_WAITING_WORK = 32 * 1024 * 1024;
/** What one caller may have of either, so that others find some left; one larger unit is let in when it is alone. */
const MAX_FLOW_WORK = 16 * 1024 * 1024;
/** What those hold who wait for room; beyond it they are refused too, or a disk that hangs would fill the memory. */
const MAX_ROOMLESS_BYTES = 64 * 1024 * 1024;

/** Waiting flows are ordered by what they hold, in steps of this much work; the last level has all that hold more. */
const LEVEL_WORK = 1024 * 1024;
const LEVELS = MAX_FLOW_WORK / LEVEL_WORK + 1;

export interface RoomWaiter {
  readonly work: number;
  grant(): void;
}

/**
 * Counts the work that waits for the writer, and sets room aside for more. Room goes to the flow that holds the least,
 * about, and within a flow to the call that asked first. A flow that has its share does not keep others waiting; one that
 * waits for the room of others does, so that a large unit has its turn.
 */
export function createRooms() {
  /** Flows whose first waiter is within their share, by level; a flow is at the end of one when it comes to it. */
  const levels = Array.from({ length: LEVELS }, () => new Set<Flow>());
  let roomWork = 0;
  let waitingWork = 0;
  let roomlessBytes = 0;

  function levelOf({ held }: Flow): number {
    return Math.min(Math.ceil(held / LEVEL_WORK), LEVELS - 1);
  }

  function isWithinShare(flow: Flow, work: number): boolean {
    return flow.key === undefined || flow.held === 0 || flow.held + work <= MAX_FLOW_WORK;
  }

  function isFree(work: number): boolean {
    return roomWork === 0 || roomWork + work <= MAX_ROOM_WORK;
  }

  /** Brings a flow to where it belongs among the waiting ones. */
  function place(flow: Flow): void {
    if (flow.waiters.size === 0 && !flow.level) return;
    const [first] = flow.waiters;
    const level = first && isWithinShare(flow, first.work) ? levels[levelOf(flow)] : undefined;
    if (level === flow.level) return;
    flow.level?.delete(flow);
    level?.add(flow);
    flow.level = level;
  }

  function hold(flow: Flow, work: number, hasRoom: boolean): void {
    flow.held += work;
    if (hasRoom) roomWork += work;
    else waitingWork += work;
    place(flow);
  }

  /** Whether the flow may have room before all that wait. */
  function isNext(flow: Flow, work: number): boolean {
    if (flow.waiters.size > 0 || !isWithinShare(flow, work) || !isFree(work)) return false;
    const lowest = levels.findIndex(({ size }) => size > 0);
    return lowest === -1 || lowest > levelOf(flow);
  }

  /** A flow may wait with as much as is left for all others, so that none takes all of it. */
  function mayWait(flow: Flow, bytes: number): boolean {
    const left = MAX_ROOMLESS_BYTES - roomlessBytes;
    return bytes + (flow.key === undefined ? 0 : flow.roomlessBytes) <= left;
  }

  /** Gives free room to those who are next. Call it after `release`, once for many. */
  function grant(): void {
    for (let flow = nextFlow(); flow; flow = nextFlow()) {
      const [first] = flow.waiters;
      if (!first || !isFree(first.work)) return;
      first.grant();
    }
  }

  function nextFlow(): Flow | undefined {
    const level = levels.find(({ size }) => size > 0);
    return level?.values().next().value;
  }

  function wait(flow: Flow, work: number, bytes: number, signal: AbortSignal): Promise<void> {
    return execute<void>(signal, (resolve) => {
      const leave = () => {
        if (!flow.waiters.delete(waiter)) return false;
        roomlessBytes -= bytes;
        flow.roomlessBytes -= bytes;
        return true;
      };
      const waiter: RoomWaiter = {
        work,
        grant() {
          leave();
          // The next waiter of the flow comes behind those of others.
          flow.level?.delete(flow);
          flow.level = undefined;
          hold(flow, work, true);
          resolve();
        },
      };
      flow.waiters.add(waiter);
      roomlessBytes += bytes;
      flow.roomlessBytes += bytes;
      place(flow);
      return () => {
        if (!leave()) return;
        place(flow);
        grant();
      };
    });
  }

  return {
    /** Counts work until `release`. */
    hold,
    release(flow: Flow, work: number, hasRoom: boolean): void {
      hold(flow, -work, hasRoom);
    },

    /** Whether the flow may add work without room that was set aside. */
    fitsWithout(flow: Flow): boolean {
      return waitingWork <= MAX_WAITING_WORK && (flow.key === undefined || flow.held <= MAX_FLOW_WORK);
    },

    /** Sets room aside until `release`. Errors: `exhausted` OVERLOADED if too many bytes wait for it. */
    async reserve(flow: Flow, work: number, bytes: number, signal: AbortSignal): Promise<void> {
      if (isNext(flow, work)) hold(flow, work, true);
      else if (mayWait(flow, bytes)) await wait(flow, work, bytes, signal);
      else throw overloaded();
    },

    grant,
  };
}

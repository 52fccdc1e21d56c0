import { execute } from 'abort-controller-x';
import { type DomainError, fromPlainError } from '../../domain/errors.js';
import type { Change, ResultOf, Room, RoomOptions, WriteOptions } from '../store.js';
import { chainBroken } from './chains.js';
import { changeWork, ownBytes } from './owned-change.js';
import { outcomeUnknown, overloaded } from './sqlite-errors.js';
import type { Outcome, Unit } from './transactions.js';
import { createFlows, type Flow } from './write-flows.js';

/** A transaction takes what waits, up to these, or one larger unit. Work: see `changeWork`; 8 MiB take about 60 ms. */
const MAX_UNITS = 1024;
const MAX_WORK = 8 * 1024 * 1024;
/** Work that may wait for the disk in rooms that were set aside. */
const MAX_ROOM_WORK = 32 * 1024 * 1024;
/** Work that may wait without; beyond it such writes are refused. */
const MAX_WAITING_WORK = 32 * 1024 * 1024;
/** What one caller may have of either, so that others find some left; one larger unit is let in when it is alone. */
const MAX_FLOW_WORK = 16 * 1024 * 1024;
/** What those hold who wait for room; beyond it they are refused too, or a disk that hangs would fill the memory. */
const MAX_ROOMLESS_BYTES = 64 * 1024 * 1024;

export interface Waiting {
  readonly unit: Unit;
  /** In the order of the calls, from 1. */
  readonly number: number;
  readonly flow: Flow;
  readonly chain: object | undefined;
  readonly work: number;
  /** Whether room was set aside for it. */
  readonly hasRoom: boolean;
  resolve(results: readonly ResultOf<Change>[]): void;
  reject(error: unknown): void;
}

interface RoomWaiter {
  readonly flow: Flow;
  readonly work: number;
  grant(): void;
}

/**
 * Units that wait for the writer, bounded by estimated work from their arrival to their settlement. Callers (flows) have
 * turns; the units of one are first come, first served. Units without a flow are one flow of their own.
 */
export function createWriteQueue() {
  const flows = createFlows();
  const chainIds = new WeakMap<object, number>();
  const broken = new WeakSet<object>();
  const roomWaiters = new Set<RoomWaiter>();
  /** Units without changes: they are sent when all units before them are. */
  let barriers: Waiting[] = [];
  let count = 0;
  let lastNumber = 0;
  let roomWork = 0;
  let waitingWork = 0;
  let roomlessBytes = 0;
  let nextChainId = 1;

  function add(
    from: readonly Change[],
    { chain, room, flow: key }: WriteOptions,
  ): Promise<readonly ResultOf<Change>[]> {
    const flow = flows.of(key);
    if (room) release(flow, room.work, true);
    if (chain && broken.has(chain)) return refuse(flow, chainBroken(), chain);
    if (!room && !fitsWithout(flow)) return refuse(flow, overloaded(), chain);
    const changes = from.map(ownBytes);
    const work = changes.reduce((sum, change) => sum + changeWork(change), 0);
    hold(flow, work, room !== undefined);
    grantRoom();
    return new Promise((resolve, reject) => {
      const unit = { changes, chain: chain && chainId(chain) };
      const one = { unit, number: ++lastNumber, flow, chain, work, hasRoom: room !== undefined, resolve, reject };
      count++;
      if (changes.length === 0) barriers.push(one);
      else flows.add(flow, one);
    });
  }

  function refuse(flow: Flow, error: DomainError, chain: object | undefined): Promise<never> {
    grantRoom();
    flows.forgetIfIdle(flow);
    return Promise.reject(refusal(error, chain));
  }

  function chainId(chain: object): number {
    const id = chainIds.get(chain) ?? nextChainId++;
    chainIds.set(chain, id);
    return id;
  }

  /** Nothing of the chain is sent from now on. */
  function refusal(error: DomainError, chain: object | undefined): DomainError {
    if (chain) broken.add(chain);
    return error;
  }

  /** Takes out what one transaction holds. */
  function take(): Waiting[] {
    const batch: Waiting[] = [];
    let work = 0;
    for (let next = flows.peek(); next && batch.length < MAX_UNITS; next = flows.peek()) {
      if (batch.length > 0 && work + next.work > MAX_WORK) break;
      flows.take(next);
      batch.push(next);
      work += next.work;
    }
    if (barriers.length > 0) takeBarriers(batch);
    count -= batch.length;
    return batch;
  }

  function takeBarriers(batch: Waiting[]): void {
    const first = flows.firstNumber();
    batch.push(...barriers.filter(({ number }) => number < first));
    barriers = barriers.filter(({ number }) => number > first);
  }

  function settle(batch: readonly Waiting[], outcomes: readonly Outcome[]): void {
    let hasBroken = false;
    for (const [index, one] of batch.entries()) {
      drop(one);
      const outcome = outcomes[index];
      if (outcome && 'results' in outcome) {
        one.resolve(outcome.results);
      } else {
        one.reject(refusal(outcome ? fromPlainError(outcome.error) : outcomeUnknown(), one.chain));
        hasBroken ||= one.chain !== undefined;
      }
    }
    if (hasBroken) rejectAll(chainBroken(), ({ chain }) => chain !== undefined && broken.has(chain));
    else grantRoom();
  }

  function rejectAll(error: DomainError, which: (one: Waiting) => boolean = () => true): void {
    const rejected = [...flows.remove(which), ...barriers.filter(which)];
    barriers = barriers.filter((one) => !which(one));
    count -= rejected.length;
    for (const one of rejected) {
      drop(one);
      one.reject(error);
    }
    grantRoom();
  }

  function drop({ flow, work, hasRoom }: Waiting): void {
    release(flow, work, hasRoom);
    flows.forgetIfIdle(flow);
  }

  function hold(flow: Flow, work: number, hasRoom: boolean): void {
    flow.held += work;
    if (hasRoom) roomWork += work;
    else waitingWork += work;
  }

  function release(flow: Flow, work: number, hasRoom: boolean): void {
    hold(flow, -work, hasRoom);
  }

  function fitsWithout(flow: Flow): boolean {
    return waitingWork <= MAX_WAITING_WORK && (flow.key === undefined || flow.held <= MAX_FLOW_WORK);
  }

  function fits(flow: Flow, work: number): boolean {
    const isWithinShare = flow.key === undefined || flow.held === 0 || flow.held + work <= MAX_FLOW_WORK;
    return isWithinShare && (roomWork === 0 || roomWork + work <= MAX_ROOM_WORK);
  }

  /** Sets room aside, after those of the same flow who asked before. Throws `exhausted` if too many did. */
  async function room(bytes: number, signal: AbortSignal, options: RoomOptions = {}): Promise<Room> {
    const { events = 1, flow: key } = options;
    const flow = flows.of(key);
    const work = changeWork({ events, bytes });
    if (roomWaiters.size === 0 && fits(flow, work)) hold(flow, work, true);
    else if (roomlessBytes + bytes > MAX_ROOMLESS_BYTES) throw overloaded();
    else await waitForRoom(flow, { bytes, work }, signal);
    return { work };
  }

  /** Gives room to those who hold the least, of each flow to the one who asked first. */
  function grantRoom(): void {
    while (roomWaiters.size > 0) {
      const firsts = new Map<Flow, RoomWaiter>();
      for (const waiter of roomWaiters) if (!firsts.has(waiter.flow)) firsts.set(waiter.flow, waiter);
      const [next] = [...firsts.values()].sort((a, b) => a.flow.held - b.flow.held);
      if (!next || !fits(next.flow, next.work)) return;
      next.grant();
    }
  }

  function waitForRoom(
    flow: Flow,
    { bytes, work }: { bytes: number; work: number },
    signal: AbortSignal,
  ): Promise<void> {
    return execute<void>(signal, (resolve) => {
      const leave = () => {
        if (!roomWaiters.delete(waiter)) return;
        roomlessBytes -= bytes;
        flow.waiters--;
      };
      const waiter = {
        flow,
        work,
        grant() {
          leave();
          hold(flow, work, true);
          resolve();
        },
      };
      roomWaiters.add(waiter);
      roomlessBytes += bytes;
      flow.waiters++;
      grantRoom();
      return () => {
        leave();
        flows.forgetIfIdle(flow);
      };
    });
  }

  return {
    add,
    take,
    settle,
    rejectAll,
    room,
    get isEmpty() {
      return count === 0;
    },
  };
}

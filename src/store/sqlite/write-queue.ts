import { type DomainError, fromPlainError } from '../../domain/errors.js';
import type { Change, ResultOf, Room, RoomOptions, WriteOptions } from '../store.js';
import { chainBroken } from './chains.js';
import { changeWork, ownBytes } from './owned-change.js';
import { outcomeUnknown, overloaded } from './sqlite-errors.js';
import type { Outcome, Unit } from './transactions.js';
import { createFlows, type Flow } from './write-flows.js';
import { createRooms } from './write-room.js';

/** A transaction takes what waits, up to these, or one larger unit. Work: see `changeWork`; 8 MiB take about 60 ms. */
const MAX_UNITS = 1024;
const MAX_WORK = 8 * 1024 * 1024;

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

/**
 * Units that wait for the writer, bounded by estimated work from their arrival to their settlement. Callers (flows) have
 * turns; the units of one are first come, first served. Units without a flow are one flow of their own.
 */
export function createWriteQueue() {
  const flows = createFlows();
  const rooms = createRooms();
  const chainIds = new WeakMap<object, number>();
  const broken = new WeakSet<object>();
  /** Units without changes: they are sent when all units before them are. */
  let barriers: Waiting[] = [];
  let count = 0;
  let lastNumber = 0;
  let nextChainId = 1;

  function add(
    from: readonly Change[],
    { chain, room, flow: key }: WriteOptions,
  ): Promise<readonly ResultOf<Change>[]> {
    const flow = flows.of(key);
    if (room) rooms.release(flow, room.work, true);
    if (chain && broken.has(chain)) return refuse(flow, chainBroken(), chain);
    if (!room && !rooms.fitsWithout(flow)) return refuse(flow, overloaded(), chain);
    const changes = from.map(ownBytes);
    const work = changes.reduce((sum, change) => sum + changeWork(change), 0);
    rooms.hold(flow, work, room !== undefined);
    rooms.grant();
    return new Promise((resolve, reject) => {
      const unit = { changes, chain: chain && chainId(chain) };
      const one = { unit, number: ++lastNumber, flow, chain, work, hasRoom: room !== undefined, resolve, reject };
      count++;
      if (changes.length === 0) barriers.push(one);
      else flows.add(flow, one);
    });
  }

  function refuse(flow: Flow, error: DomainError, chain: object | undefined): Promise<never> {
    rooms.grant();
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
    else rooms.grant();
  }

  function rejectAll(error: DomainError, which: (one: Waiting) => boolean = () => true): void {
    const rejected = [...flows.remove(which), ...barriers.filter(which)];
    barriers = barriers.filter((one) => !which(one));
    count -= rejected.length;
    for (const one of rejected) {
      drop(one);
      one.reject(error);
    }
    rooms.grant();
  }

  function drop({ flow, work, hasRoom }: Waiting): void {
    rooms.release(flow, work, hasRoom);
    flows.forgetIfIdle(flow);
  }

  /** Sets room aside, after the calls of the same flow that asked before. Errors: `exhausted` OVERLOADED. */
  async function room(bytes: number, signal: AbortSignal, options: RoomOptions = {}): Promise<Room> {
    const { events = 1, flow: key } = options;
    const flow = flows.of(key);
    const work = changeWork({ events, bytes });
    try {
      await rooms.reserve(flow, work, bytes, signal);
      return { work };
    } catch (error) {
      flows.forgetIfIdle(flow);
      throw error;
    }
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
    /** Callers that have something in the queue, or had until now. */
    get flowCount() {
      return flows.size;
    },
  };
}

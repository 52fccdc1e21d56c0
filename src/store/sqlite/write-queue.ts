import { execute } from 'abort-controller-x';
import { type DomainError, fromPlainError } from '../../domain/errors.js';
import type { Change, ResultOf, Room, WriteOptions } from '../store.js';
import { chainBroken } from './chains.js';
import { changeSize, ownBytes } from './owned-change.js';
import { outcomeUnknown, overloaded } from './sqlite-errors.js';
import type { Outcome, Unit } from './transactions.js';

/** A transaction takes what waits, up to these. */
const MAX_UNITS = 1024;
const MAX_BYTES = 4 * 1024 * 1024;
/** What may wait for the disk; beyond it writes without room of their own are refused. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** What those hold who wait for room; beyond it they are refused too, or a disk that hangs would fill the memory. */
const MAX_ROOMLESS_BYTES = 64 * 1024 * 1024;

export interface Waiting {
  readonly unit: Unit;
  readonly chain: object | undefined;
  readonly bytes: number;
  resolve(results: readonly ResultOf<Change>[]): void;
  reject(error: unknown): void;
}

interface RoomWaiter {
  readonly bytes: number;
  grant(): void;
}

/** Units that wait for the writer, first come first served, bounded in bytes from their arrival to their settlement. */
export function createWriteQueue() {
  let waiting: Waiting[] = [];
  let bytes = 0;
  const chainIds = new WeakMap<object, number>();
  const broken = new WeakSet<object>();
  const roomWaiters = new Set<RoomWaiter>();
  let roomlessBytes = 0;
  let nextChainId = 1;

  function add(from: readonly Change[], { chain, room }: WriteOptions): Promise<readonly ResultOf<Change>[]> {
    release(room?.bytes ?? 0);
    if (chain && broken.has(chain)) return Promise.reject(chainBroken());
    if (!room && bytes > MAX_WAITING_BYTES) return Promise.reject(refusal(overloaded(), chain));
    const changes = from.map(ownBytes);
    const size = changes.reduce((sum, change) => sum + changeSize(change), 0);
    bytes += size;
    return new Promise((resolve, reject) => {
      waiting.push({ unit: { changes, chain: chain && chainId(chain) }, chain, bytes: size, resolve, reject });
    });
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
    let size = 0;
    let count = 0;
    for (const next of waiting) {
      if (count > 0 && (count >= MAX_UNITS || size + next.bytes > MAX_BYTES)) break;
      size += next.bytes;
      count++;
    }
    return waiting.splice(0, count);
  }

  function settle(batch: readonly Waiting[], outcomes: readonly Outcome[]): void {
    let hasBroken = false;
    for (const [index, one] of batch.entries()) {
      release(one.bytes);
      const outcome = outcomes[index];
      if (outcome && 'results' in outcome) {
        one.resolve(outcome.results);
      } else {
        one.reject(refusal(outcome ? fromPlainError(outcome.error) : outcomeUnknown(), one.chain));
        hasBroken ||= one.chain !== undefined;
      }
    }
    if (hasBroken) rejectAll(chainBroken(), ({ chain }) => chain !== undefined && broken.has(chain));
  }

  function release(freed: number): void {
    bytes -= freed;
    for (const waiter of [...roomWaiters]) {
      if (!fits(waiter.bytes)) return;
      waiter.grant();
    }
  }

  function fits(size: number): boolean {
    return bytes === 0 || bytes + size <= MAX_WAITING_BYTES;
  }

  function rejectAll(error: DomainError, which: (one: Waiting) => boolean = () => true): void {
    const rejected = waiting.filter(which);
    waiting = waiting.filter((one) => !which(one));
    for (const one of rejected) {
      release(one.bytes);
      one.reject(error);
    }
  }

  /** Sets room aside, after those who asked before. Throws `exhausted` if too many did. */
  async function room(size: number, signal: AbortSignal): Promise<Room> {
    if (roomWaiters.size === 0 && fits(size)) bytes += size;
    else if (roomlessBytes + size > MAX_ROOMLESS_BYTES) throw overloaded();
    else await waitForRoom(size, signal);
    return { bytes: size };
  }

  function waitForRoom(size: number, signal: AbortSignal): Promise<void> {
    return execute<void>(signal, (resolve) => {
      const leave = () => {
        if (roomWaiters.delete(waiter)) roomlessBytes -= size;
      };
      const waiter = {
        bytes: size,
        grant() {
          leave();
          bytes += size;
          resolve();
        },
      };
      roomWaiters.add(waiter);
      roomlessBytes += size;
      return leave;
    });
  }

  return {
    add,
    take,
    settle,
    rejectAll,
    room,
    get isEmpty() {
      return waiting.length === 0;
    },
  };
}

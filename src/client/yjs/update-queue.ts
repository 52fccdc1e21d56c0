import * as Y from 'yjs';
import { becomes, createObservable } from '../chat/observable.js';

/** Updates that were made here and are not known to be durable, merged into few. */
export interface UpdateQueue {
  readonly isSaved: boolean;
  subscribe(listener: () => void): () => void;
  push(update: Uint8Array): void;
  /** Sends all there is, as one; what `send` could not do stays here. */
  flush(send: (update: Uint8Array) => Promise<void>): Promise<void>;
  /** Resolves when there is something to send, and so many milliseconds have passed since. */
  due(ms: number, signal: AbortSignal): Promise<void>;
  /** From now on everything is due at once. */
  hurry(): void;
}

/** Merging costs more than holding a few, and less than holding many. */
const MAX_UPDATES = 256;

export function createUpdateQueue(): UpdateQueue {
  const observable = createObservable();
  let updates: Uint8Array[] = [];
  let isSending = false;
  let isHurried = false;
  const isSaved = () => updates.length === 0 && !isSending;

  function push(update: Uint8Array): void {
    updates.push(update);
    if (updates.length > MAX_UPDATES) updates = [Y.mergeUpdates(updates)];
    observable.changed();
  }

  const until = (condition: () => boolean, signal: AbortSignal) => becomes(observable, condition, signal);

  return {
    get isSaved() {
      return isSaved();
    },
    subscribe: (listener) => observable.subscribe(listener),
    push,
    async flush(send) {
      if (updates.length === 0) return;
      const [only] = updates;
      const update = updates.length === 1 && only !== undefined ? only : Y.mergeUpdates(updates);
      updates = [];
      isSending = true;
      try {
        await send(update);
      } catch (error) {
        push(update);
        throw error;
      } finally {
        isSending = false;
        observable.changed();
      }
    },
    async due(ms, signal) {
      await until(() => updates.length > 0, signal);
      let isOver = isHurried;
      const timer = setTimeout(() => {
        isOver = true;
        observable.changed();
      }, ms);
      try {
        await until(() => isOver || isHurried, signal);
      } finally {
        clearTimeout(timer);
      }
    },
    hurry() {
      isHurried = true;
      observable.changed();
    },
  };
}

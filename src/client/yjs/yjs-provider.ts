import { delay, isAbortError, rethrowAbortError } from 'abort-controller-x';
import * as Y from 'yjs';
import { backoffDelay } from '../backoff.js';
import { becomes, createObservable } from '../chat/observable.js';
import { createSettlement } from '../chat/settlement.js';
import { LeatError } from '../leat-error.js';
import { linkSignals } from '../link-signals.js';
import { enterDocument, type Stay } from './document-stay.js';
import { createMessageLimit } from './message-limit.js';
import { createUpdateQueue } from './update-queue.js';
import { notSynced, providerEnded } from './yjs-errors.js';
import type { YjsOptions, YjsProvider, YjsState, YjsStatus } from './yjs-options.js';

/** The place in the room is gone, and the document is not: begin with the newest snapshot, and tell what it lacks. */
const OUTDATED: ReadonlySet<string | undefined> = new Set(['OFFSET_TRIMMED', 'EPOCH_CHANGED', 'OFFSET_BEYOND_HEAD']);

const DEFAULT_MESSAGE_BYTES = 128 << 10;

/** How long `destroy` waits for the last changes, in milliseconds. */
const DESTROY_MS = 5_000;

/**
 * Keeps a Yjs document and a room the same, over everything that `joinRooms` survives, compaction by others, and a
 * service that was restored from a backup. Changes are messages, and durable when `saved` says so; awareness is live
 * state. See docs/client.md.
 */
export function createYjsProvider(options: YjsOptions): YjsProvider {
  const { client, doc, awareness, onProblem = () => undefined } = options;
  const rooms = options.rooms ?? client.joinRooms();
  const origin = {};
  const queue = createUpdateQueue();
  const limit = createMessageLimit(options.maxMessageBytes ?? DEFAULT_MESSAGE_BYTES);
  const observable = createObservable();
  const [synced, ended] = [createSettlement(), createSettlement()];
  const stop = linkSignals(options.signal);
  let isAhead = Y.encodeStateVector(doc).length > 1;
  let stay: Stay | undefined;
  let left = Promise.resolve();
  let isSynced = false;
  let end: { readonly error?: Error } | undefined;
  let isDestroying = false;
  let status: YjsStatus = { state: 'connecting', isSaved: !isAhead };

  function state(): YjsState {
    if (end !== undefined) return 'ended';
    if (!isSynced) return 'connecting';
    return stay?.room.snapshot().status === 'rejoining' ? 'offline' : 'synced';
  }

  /** What a document had before is known to be durable when the room was compared with it. */
  const isSaved = () => queue.isSaved && (isSynced || !isAhead);

  function refresh(): void {
    const next = { state: state(), isSaved: isSaved() };
    if (next.state === status.state && next.isSaved === status.isSaved) return;
    status = end?.error instanceof LeatError ? { ...next, error: end.error } : next;
    observable.changed();
  }

  function onUpdate(update: Uint8Array, cause: unknown): void {
    if (cause !== origin) queue.push(update);
  }

  function onSynced(): void {
    isSynced = true;
    synced.settle();
    refresh();
  }

  async function stayOnce(): Promise<void> {
    const { signal } = stop;
    stay = await enterDocument({ options, rooms, queue, limit, origin, isAhead, signal, onSynced, onProblem });
    const unsubscribe = stay.room.subscribe(refresh);
    try {
      await stay.live();
    } finally {
      unsubscribe();
      left = stay.leave();
      stay = undefined;
    }
  }

  async function keepUp(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      isSynced = false;
      try {
        return await stayOnce();
      } catch (error) {
        rethrowAbortError(error);
        if (!OUTDATED.has(LeatError.from(error).reason)) throw error;
        if (isSynced) attempt = 1;
        isAhead = true;
      }
      refresh();
      await delay(stop.signal, backoffDelay(attempt));
    }
  }

  async function run(): Promise<void> {
    let failure: Error | undefined;
    try {
      await keepUp();
    } catch (error) {
      failure = isAbortError(error) ? error : LeatError.from(error);
      if (isDestroying && options.signal?.aborted !== true) failure = undefined;
    }
    end = { error: failure };
    doc.off('update', onUpdate);
    doc.off('destroy', onDestroy);
    stop.abort();
    stop.unlink();
    await (options.rooms === undefined ? rooms.close() : atMost(DESTROY_MS, left));
    synced.settle(failure ?? providerEnded());
    refresh();
    ended.settle(failure);
  }

  async function saved(): Promise<void> {
    try {
      await becomes(observable, isSaved, stop.signal);
    } catch {
      // It has ended; why, is told if it was not asked for.
      await ended.promise;
      throw providerEnded();
    }
  }

  async function destroy(): Promise<void> {
    doc.off('update', onUpdate);
    if (!isDestroying) {
      isDestroying = true;
      queue.hurry();
      if (rooms.snapshot().state === 'live') await atMost(DESTROY_MS, becomes(observable, isSaved, stop.signal));
      stop.abort();
    }
    await ended.promise.catch(() => undefined); // Whatever it was, it is over.
  }

  const onDestroy = () => void destroy();
  doc.on('update', onUpdate);
  doc.on('destroy', onDestroy);
  queue.subscribe(refresh);
  void run();
  return {
    doc,
    awareness,
    synced: synced.promise,
    ended: ended.promise,
    subscribe: (listener) => observable.subscribe(listener),
    snapshot: () => status,
    saved,
    async compact() {
      if (stay === undefined) throw end?.error ?? notSynced();
      await stay.compact();
    },
    destroy,
    [Symbol.asyncDispose]: destroy,
  };
}

/** Resolves when the promise is settled, or after so many milliseconds. */
async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([promise.catch(() => undefined), late]);
  clearTimeout(timer);
}

import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { tail } from '../../src/streams/tail.js';
import type { TailItem, TailOptions } from '../../src/streams/tail.js';
import { ModelLog } from './model-log.js';
import type { ModelPage } from './model-log.js';

export const never = 2 ** 31 - 1;

export function setUp(log: ModelLog, options: Partial<TailOptions> = {}) {
  const abort = new AbortController();
  const items = tail(log, { after: 0, follow: true, heartbeatMs: never, signal: abort.signal, ...options });
  return { abort, items };
}

export async function take(items: AsyncGenerator<TailItem<ModelPage>, void>): Promise<TailItem<ModelPage>> {
  const { done, value } = await items.next();
  if (done === true) throw new Error('the tail ended');
  return value;
}

export async function collect(items: AsyncGenerator<TailItem<ModelPage>, void>): Promise<TailItem<ModelPage>[]> {
  const all: TailItem<ModelPage>[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const pending = new Set<unknown>();
const { setTimeout: start, clearTimeout: stop } = globalThis;

// The timers of this test file alone, the code under test included: the process has others, which come and go.
globalThis.setTimeout = Object.assign((callback: () => void, ms?: number) => {
  const timer = start(() => {
    pending.delete(timer);
    callback();
  }, ms);
  pending.add(timer);
  return timer;
}, start);
globalThis.clearTimeout = (timer) => {
  pending.delete(timer);
  stop(timer);
};

/** Timers that are running. */
export function timers(): number {
  return pending.size;
}

/** What of a tail could outlive it. */
export function leftovers(log: ModelLog, signal: AbortSignal) {
  return { subscriptions: log.subscriptions, listeners: getEventListeners(signal, 'abort').length };
}

/** Turns until the tail waits at the head. */
export async function untilWaiting(log: ModelLog, reads: number): Promise<void> {
  while (log.reads < reads || log.reading > 0) await turn();
  await turn();
}

export async function collectStates(
  items: AsyncGenerator<TailItem<ModelPage>, void>,
  count: number,
): Promise<string[]> {
  const states: string[] = [];
  while (states.length < count) states.push((await take(items)).state);
  return states;
}

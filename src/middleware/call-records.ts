import type { Metadata } from 'nice-grpc-common';
import { DomainError } from '../domain/errors.js';
import { inSlices } from '../streams/in-slices.js';
import { createInboxes } from './inbox.js';
import { CallRecord, type CallStart } from './call-record.js';

/** Carries the record from the transport's interceptor to the middleware. What a client sends in it is overwritten. */
export const CALL_KEY = 'leat-internal-call';

/** All calls that are running on one server. */
export interface CallRecords {
  /** Running calls: neither ended on the wire nor left by their handler. */
  readonly size: number;
  readonly draining: boolean;
  /** Transport: a call begins. */
  open(start: CallStart): CallRecord;
  /** Transport: the value of `CALL_KEY` with which the middleware finds the record. */
  keyOf(record: CallRecord): string;
  /** Transport: the call is over on the wire, in whatever way. */
  closed(record: CallRecord): void;
  /** Middleware: takes the record of a key; undefined if the call is over already. */
  take(metadata: Metadata): CallRecord | undefined;
  /** The handler begins, unless the call is over already. Must be followed by `left` if it does. */
  enter(record: CallRecord): boolean;
  /** The handler is done. */
  left(record: CallRecord): void;
  /** Refuses new calls and aborts all streams; resolves when every stream is aborted. Unary calls go on. */
  drain(): Promise<void>;
  /** Aborts every call with this error; resolves when every call is aborted. */
  abortAll(cause: Error): Promise<void>;
  /** Resolves when no call is left. Never rejects. */
  idle(): Promise<void>;
}

export interface CallObserver {
  started(record: CallRecord): void;
  /** Once per call, when nothing of it is left. */
  ended(record: CallRecord): void;
}

/** Health checks are answered to the end, or the balancer would not learn that we drain. */
const answeredWhileDraining = (path: string) => path === '/grpc.health.v1.Health/Check';

export const drainingError = () =>
  new DomainError('unavailable', 'DRAINING', 'the server is shutting down; call again, another one answers');

export function createCallRecords(observers: readonly CallObserver[]): CallRecords {
  const running = new Set<CallRecord>();
  const byKey = new Map<string, CallRecord>();
  const createInbox = createInboxes();
  const idlers = new Set<() => void>();
  let draining = false;
  let lastKey = 0;

  function end(record: CallRecord) {
    if (!running.delete(record)) return;
    byKey.delete(record.key);
    record.close();
    for (const observer of observers) observer.ended(record);
    if (running.size > 0) return;
    for (const resolve of idlers) resolve();
    idlers.clear();
  }

  return {
    get size() {
      return running.size;
    },
    get draining() {
      return draining;
    },
    open(start) {
      const record = new CallRecord(start, createInbox);
      running.add(record);
      for (const observer of observers) observer.started(record);
      if (draining && !answeredWhileDraining(start.path)) record.abort(drainingError());
      return record;
    },
    keyOf(record) {
      record.key = String(++lastKey);
      byKey.set(record.key, record);
      return record.key;
    },
    closed(record) {
      if (record.isClosed) return;
      record.isClosed = true;
      if (record.isEntered) record.abort();
      else end(record);
    },
    take(metadata) {
      const record = byKey.get(metadata.get(CALL_KEY) ?? '');
      metadata.delete(CALL_KEY);
      return record;
    },
    enter(record) {
      record.isEntered = !record.isClosed;
      return record.isEntered;
    },
    left(record) {
      record.isEntered = false;
      if (record.isClosed) end(record);
    },
    drain() {
      draining = true;
      const streams = [...running].filter(({ streaming }) => streaming);
      return inSlices(streams, (record) => record.abort(drainingError()));
    },
    abortAll(cause) {
      return inSlices([...running], (record) => record.abort(cause));
    },
    idle: async () => (running.size === 0 ? undefined : new Promise<void>((resolve) => idlers.add(resolve))),
  };
}

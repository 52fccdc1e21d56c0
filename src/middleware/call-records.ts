import type { Metadata } from 'nice-grpc-common';
import { DomainError } from '../domain/errors.js';
import { createInboxes } from './inbox.js';
import { createCallRecord, type CallRecord, type CallStart } from './call-record.js';

/** Carries the record from the transport's interceptor to the middleware. What a client sends in it is overwritten. */
export const CALL_KEY = 'leat-internal-call';

/** All calls that are running on one server. */
export interface CallRecords {
  /** Running calls: neither ended on the wire nor left by their handler. */
  readonly size: number;
  readonly draining: boolean;
  /** Transport: a call begins. Returns its record and the value of `CALL_KEY`. */
  open(start: CallStart): { record: CallRecord; key: string };
  /** Transport: the call is over on the wire, in whatever way. */
  closed(key: string): void;
  /** Middleware: takes the record over; undefined if the call is over already. Must be followed by `left`. */
  enter(metadata: Metadata): CallRecord | undefined;
  /** Middleware: the handler is done. */
  left(record: CallRecord): void;
  /** Ends all streams, and refuses every call that comes from now on. Unary calls go on. */
  drain(): void;
  /** Ends every call with this error. */
  abortAll(cause: Error): void;
  /** Resolves when no call is left. Never rejects. */
  idle(): Promise<void>;
}

interface Entry {
  readonly record: CallRecord;
  readonly key: string;
  closed: boolean;
  entered: boolean;
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
  const byKey = new Map<string, Entry>();
  const byRecord = new Map<CallRecord, Entry>();
  const createInbox = createInboxes();
  const idlers = new Set<() => void>();
  let draining = false;
  let lastKey = 0;

  function end({ key, record }: Entry) {
    byKey.delete(key);
    byRecord.delete(record);
    record.inbox.close();
    observers.forEach((observer) => observer.ended(record));
    if (byKey.size > 0) return;
    for (const resolve of idlers) resolve();
    idlers.clear();
  }

  return {
    get size() {
      return byKey.size;
    },
    get draining() {
      return draining;
    },
    open(start) {
      const entry = {
        record: createCallRecord(start, createInbox()),
        key: String(++lastKey),
        closed: false,
        entered: false,
      };
      byKey.set(entry.key, entry);
      byRecord.set(entry.record, entry);
      observers.forEach((observer) => observer.started(entry.record));
      if (draining && !answeredWhileDraining(start.path)) entry.record.abort(drainingError());
      return entry;
    },
    closed(key) {
      const entry = byKey.get(key);
      if (entry === undefined || entry.closed) return;
      entry.closed = true;
      if (entry.entered) entry.record.abort();
      else end(entry);
    },
    enter(metadata) {
      const entry = byKey.get(metadata.get(CALL_KEY) ?? '');
      metadata.delete(CALL_KEY);
      if (entry !== undefined) entry.entered = true;
      return entry?.record;
    },
    left(record) {
      const entry = byRecord.get(record);
      if (entry === undefined) return;
      entry.entered = false;
      if (entry.closed) end(entry);
    },
    drain() {
      draining = true;
      for (const record of byRecord.keys()) if (record.streaming) record.abort(drainingError());
    },
    abortAll(cause) {
      for (const record of byRecord.keys()) record.abort(cause);
    },
    idle: async () => (byKey.size === 0 ? undefined : new Promise<void>((resolve) => idlers.add(resolve))),
  };
}

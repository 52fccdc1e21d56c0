import { abortable, AbortError, throwIfAborted } from 'abort-controller-x';
import type { CallContext, ServerMiddleware } from 'nice-grpc-common';
import type { Outbox } from './call-context.js';
import type { CallRecord } from './call-record.js';
import type { CallRecords } from './call-records.js';
import { armDeadline } from './deadline.js';
import { DETAILS_TRAILER, encodeStatus } from './error-details.js';
import { toClientError } from './error-mapping.js';
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.js';

export interface BoundaryContext {
  readonly record: CallRecord;
  readonly requestId: string;
  readonly outbox: Outbox;
}

interface Guards {
  readonly record: CallRecord;
  /** The handler is done. May be called again. */
  readonly leave: () => void;
  /** What the client is told about an error. */
  readonly told: (error: unknown) => Error;
}

type Step = () => Promise<IteratorResult<unknown, unknown>>;

/**
 * The outermost middleware: gives the call its record, its request id and a signal that the service can abort too,
 * and sees to it that whatever ends the handler reaches the client as the right status.
 */
export function createCallBoundary(deps: {
  readonly records: CallRecords;
  readonly maxUnaryMs: number;
}): ServerMiddleware<BoundaryContext> {
  return (call, context) => {
    const record = deps.records.take(context.metadata);
    if (record === undefined || !deps.records.enter(record)) throw new AbortError() as Error;
    adopt(context, record);
    if (call.requestStream || call.responseStream) context.sendHeader();
    const disarm = armDeadline(record, deps.maxUnaryMs);
    const leave = () => {
      disarm();
      deps.records.left(record);
    };
    const told = (error: unknown) => answer(error, record, context);
    const next = () => call.next(call.request, Object.assign(context, { record, ...contextOf(record) }));
    // The two kinds differ only in what they yield, which this layer does not look at.
    return guard(next, { record, leave, told }) as ReturnType<typeof call.next>;
  };
}

/** What nice-grpc has to throw, with the details on their way. */
function answer(error: unknown, record: CallRecord, context: CallContext): Error {
  const told = toClientError(error, record);
  if (told === undefined) return new AbortError();
  context.trailer.set(DETAILS_TRAILER, encodeStatus(told.code, told.details, told.extra));
  return told;
}

function contextOf({ requestId, outbox }: CallRecord) {
  return { requestId, outbox };
}

/** nice-grpc itself waits with `context.signal` while the client does not read, so it has to be ours. */
function adopt(context: CallContext, record: CallRecord) {
  record.requestId = requestIdOf(context.metadata.get(REQUEST_ID_HEADER));
  context.header.set(REQUEST_ID_HEADER, record.requestId);
  context.signal = record.signal;
}

/** Whether the handler came to its one answer and, if the call was ended meanwhile, it was not by the client. */
function isAnswer({ value }: IteratorReturnResult<unknown>, { abortReason }: CallRecord): boolean {
  return value !== undefined && (abortReason === undefined || abortReason.cause !== undefined);
}

/**
 * A generator by hand: `return()` has to be able to fail. nice-grpc calls it when the signal aborts while a client
 * does not read, and would answer OK.
 */
function guard(
  next: () => AsyncGenerator<unknown, unknown, undefined>,
  { record, leave, told }: Guards,
): AsyncGenerator<unknown, unknown, undefined> {
  let inner: AsyncGenerator<unknown, unknown, undefined> | undefined;
  const begun = () => (inner ??= next());

  const guarded = async (step: Step) => {
    try {
      if (inner === undefined) throwIfAborted(record.signal);
      const result = await (record.streaming ? step() : abortable(record.signal, step()));
      if (result.done && !isAnswer(result, record)) throwIfAborted(record.signal);
      if (result.done) leave();
      else record.outbox.add();
      return result;
    } catch (error) {
      leave();
      throw told(error);
    }
  };

  return {
    next: () => guarded(async () => begun().next()),
    return: (value) => guarded(async () => begun().return(value)),
    throw: (error) => guarded(async () => begun().throw(error)),
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return(undefined);
    },
  };
}

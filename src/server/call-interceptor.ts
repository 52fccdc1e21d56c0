import {
  status as Status,
  ServerInterceptingCall,
  type Metadata,
  type ServerInterceptor,
  type ServerListener,
  ServerListenerBuilder,
} from '@grpc/grpc-js';
import { CALL_KEY, type CallRecords } from '../middleware/call-records.js';
import type { CallRecord } from '../middleware/call-record.js';
import { DomainError } from '../domain/errors.js';
import { encoded, malformed, requestSize } from '../middleware/request-codec.js';
import { hasPartialMessage, resetStream } from './base-call.js';
import { type BoundCall, boundPartialMessage } from './bound-partial-message.js';
import type { PartialMessages } from './partial-messages.js';
import { presentable, statusOf, type WireStatus } from './wire-status.js';

type NextCall = Parameters<ServerInterceptor>[1];

/** A cancelled stream looks half-closed until its reset has been processed (DESIGN 8.1). */
const HALF_CLOSE_TURNS = 3;

/** What a client that reads slowly has to take what was sent to it before the end. */
const STALLED_GRACE_MS = 1_000;

export interface CallInterceptorDeps {
  readonly records: CallRecords;
  readonly partialMessages: PartialMessages;
  /** In bytes. */
  readonly maxMetadataSize: number;
}

/** Makes the record of every call, keeps it up to date from below, and frees it. */
export function createCallInterceptor(deps: CallInterceptorDeps): ServerInterceptor {
  const { records, partialMessages, maxMetadataSize } = deps;
  return (method, nextCall) => {
    const { requestStream, responseStream } = method;
    const { record, key } = records.open({
      path: method.path,
      peer: nextCall.getPeer(),
      streaming: requestStream || responseStream,
      deadlineMs: Number(nextCall.getDeadline()),
    });
    observeStatus(nextCall, record);
    const bound = boundPartialMessage(nextCall, partialMessages, () =>
      refuse(nextCall, record, requestStream, overloaded()),
    );
    const listener = listenerOf({ record, key, records, nextCall, maxMetadataSize, bound, holds: requestStream });
    return new ObservedCall(nextCall, listener, record, bound, method);
  };
}

/** The call itself, since only there the moment when a message was written is known. */
class ObservedCall extends ServerInterceptingCall {
  constructor(
    nextCall: NextCall,
    listener: ServerListener,
    private readonly record: CallRecord,
    private readonly bound: BoundCall,
    private readonly method: { readonly requestStream: boolean; readonly responseStream: boolean },
  ) {
    super(nextCall, { start: (next) => next(listener) });
    if (method.responseStream) record.outbox.connect((bytes, done) => this.sendBytes(bytes, done));
  }

  override startRead() {
    if (this.method.requestStream) this.record.inbox.whenOpen(() => this.readOn());
    else super.startRead();
  }

  private readOn() {
    super.startRead();
    this.bound.reads();
  }

  private sendBytes(bytes: Uint8Array, done: () => void) {
    if (this.record.status !== undefined) return;
    this.record.bytesOut += bytes.byteLength;
    this.sendMessage(encoded(bytes), done);
  }

  override sendMessage(message: unknown, callback: () => void) {
    // grpc-js has answered by itself: what comes now would be written after the end, and break the stream.
    if (this.record.status !== undefined) return;
    super.sendMessage(message, () => {
      this.record.messagesOut++;
      if (this.method.responseStream) this.record.outbox.written();
      callback();
    });
  }
}

/** grpc-js sends some statuses from within, past every interceptor; all of them go through this method. */
function observeStatus(call: NextCall, record: CallRecord) {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (status) => {
    const told = presentable(status as WireStatus);
    const stalled = record.status === undefined && record.outbox.size > 0;
    record.status ??= { code: told.code, details: told.details };
    send(told);
    // The call is over, its deadline for example, and still holds what its client does not read.
    if (stalled) setTimeout(() => resetStream(call), STALLED_GRACE_MS).unref();
  };
}

interface Observed {
  readonly record: CallRecord;
  readonly key: string;
  readonly records: CallRecords;
  readonly nextCall: NextCall;
  readonly maxMetadataSize: number;
  readonly bound: BoundCall;
  /** Only a client's stream can be mistaken for complete: one message either came or did not. */
  readonly holds: boolean;
}

function listenerOf(observed: Observed): ServerListener {
  const { record, key, records, nextCall, maxMetadataSize, bound, holds } = observed;
  return new ServerListenerBuilder()
    .withOnReceiveMetadata((metadata, next) => {
      const size = sizeOf(metadata);
      metadata.set(CALL_KEY, key);
      if (size <= maxMetadataSize) return next(metadata);
      const details = `Metadata is larger than max (${size} vs. ${maxMetadataSize})`;
      nextCall.sendStatus({ code: Status.RESOURCE_EXHAUSTED, details });
    })
    .withOnReceiveMessage((message, next) => {
      record.messagesIn++;
      record.inbox.arrived(requestSize(message));
      next(message);
    })
    .withOnReceiveHalfClose((next) => {
      const end = () => (hasPartialMessage(nextCall) ? refuse(nextCall, record, holds, cutShort()) : next());
      if (holds) afterTurns(HALF_CLOSE_TURNS, end);
      else end();
    })
    .withOnCancel(() => {
      bound.over();
      records.closed(key);
    })
    .build();
}

/** As HTTP/2 counts it (RFC 9113, section 6.5.2). */
function sizeOf(metadata: Metadata): number {
  return Object.entries(metadata.toHttp2Headers())
    .flatMap(([name, values]) => [values].flat().map((value) => name.length + String(value).length + 32))
    .reduce((sum, size) => sum + size, 0);
}

/** Ends a call from below. A handler of one message waits for that, and does not run. */
function refuse(nextCall: NextCall, record: CallRecord, handlerRuns: boolean, error: DomainError) {
  if (handlerRuns) record.abort(error);
  else nextCall.sendStatus(statusOf(error));
}

/** grpc-js drops what is left over of a last message, and half-closes. */
const cutShort = () => malformed('the stream ended in the middle of it');

const overloaded = () =>
  new DomainError(
    'exhausted',
    'OVERLOADED',
    'messages that came only in part fill the room there is, and this one stood still longest: call again in a moment',
  );

/** What comes then does nothing if the call was cancelled meanwhile. */
function afterTurns(turns: number, act: () => void) {
  setImmediate(() => (turns > 1 ? afterTurns(turns - 1, act) : act()));
}

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
import { malformed } from '../middleware/request-codec.js';
import { hasPartialMessage, resetStream } from './base-call.js';
import { presentable, type WireStatus } from './wire-status.js';

type NextCall = Parameters<ServerInterceptor>[1];

/** A cancelled stream looks half-closed until its reset has been processed (DESIGN 8.1). */
const HALF_CLOSE_TURNS = 3;

/** What a client that reads slowly has to take what was sent to it before the end. */
const STALLED_GRACE_MS = 1_000;

/** Makes the record of every call, keeps it up to date from below, and frees it. */
export function createCallInterceptor(records: CallRecords, maxMetadataSize: number): ServerInterceptor {
  return (method, nextCall) => {
    const { requestStream, responseStream } = method;
    const { record, key } = records.open({
      path: method.path,
      peer: nextCall.getPeer(),
      streaming: requestStream || responseStream,
      deadlineMs: Number(nextCall.getDeadline()),
    });
    observeStatus(nextCall, record);
    const listener = listenerOf({ record, key, records, nextCall, maxMetadataSize, holds: requestStream });
    return new ObservedCall(nextCall, listener, record, method);
  };
}

/** The call itself, since only there the moment when a message was written is known. */
class ObservedCall extends ServerInterceptingCall {
  constructor(
    nextCall: NextCall,
    listener: ServerListener,
    private readonly record: CallRecord,
    private readonly method: { readonly requestStream: boolean; readonly responseStream: boolean },
  ) {
    super(nextCall, { start: (next) => next(listener) });
  }

  override startRead() {
    if (this.method.requestStream) this.record.inbox.whenOpen(() => super.startRead());
    else super.startRead();
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
  /** Only a client's stream can be mistaken for complete: one message either came or did not. */
  readonly holds: boolean;
}

function listenerOf({ record, key, records, nextCall, maxMetadataSize, holds }: Observed): ServerListener {
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
      record.inbox.arrived(message instanceof Uint8Array ? message.byteLength : 0);
      next(message);
    })
    .withOnReceiveHalfClose((next) => {
      const end = () => (hasPartialMessage(nextCall) ? refuse(nextCall, record, holds) : next());
      if (holds) afterTurns(HALF_CLOSE_TURNS, end);
      else end();
    })
    .withOnCancel(() => records.closed(key))
    .build();
}

/** As HTTP/2 counts it (RFC 9113, section 6.5.2). */
function sizeOf(metadata: Metadata): number {
  return Object.entries(metadata.toHttp2Headers())
    .flatMap(([name, values]) => [values].flat().map((value) => name.length + String(value).length + 32))
    .reduce((sum, size) => sum + size, 0);
}

/** grpc-js drops what is left over of a last message and half-closes. A handler of one message waits for that. */
function refuse(nextCall: NextCall, record: CallRecord, handlerRuns: boolean) {
  const error = malformed('the stream ended in the middle of it');
  if (handlerRuns) record.abort(error);
  else nextCall.sendStatus({ code: Status.INVALID_ARGUMENT, details: error.message });
}

/** What comes then does nothing if the call was cancelled meanwhile. */
function afterTurns(turns: number, act: () => void) {
  setImmediate(() => (turns > 1 ? afterTurns(turns - 1, act) : act()));
}

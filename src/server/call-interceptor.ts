import {
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerListener,
  ServerListenerBuilder,
} from '@grpc/grpc-js';
import type { WindowControl } from '../flow/control-windows.js';
import { CALL_KEY, type CallRecords } from '../middleware/call-records.js';
import type { CallRecord } from '../middleware/call-record.js';
import type { TimeLimit } from '../middleware/deadline.js';
import { requestSize } from '../middleware/request-codec.js';
import { releaseStream, resetStream, sessionOf } from './base-call.js';
import { BoundCall } from './bound-partial-message.js';
import { recordEnd } from './call-end.js';
import type { CallTurns } from './call-turns.js';
import { endInTurn } from './end-in-turn.js';
import type { FirstMessages } from './first-message.js';
import { holdHalfClose } from './hold-half-close.js';
import type { InflateBudget } from './inflate-budget.js';
import type { PartialMessages } from './partial-messages.js';
import { refusesMetadata, refusesPartialMessage, type Refusable } from './refusals.js';
import { type DirectMethod, StreamCall } from './stream-call.js';
import { UnaryCall, type UnaryMethod } from './unary-call.js';
import type { UnreadAnswers } from './unread-answers.js';
import { presentable, type WireStatus } from './wire-status.js';

type NextCall = Parameters<ServerInterceptor>[1];

/** What a client that reads slowly has to take what was sent to it before the end. */
const STALLED_GRACE_MS = 1_000;

export interface CallInterceptorDeps {
  readonly records: CallRecords;
  readonly partialMessages: PartialMessages;
  readonly firstMessages: FirstMessages;
  readonly inflateBudget: InflateBudget;
  readonly windows: WindowControl;
  /** In bytes. */
  readonly maxMetadataSize: number;
  /** By path: these are answered without nice-grpc. */
  readonly unaryMethods: ReadonlyMap<string, UnaryMethod>;
  /** The same, of streams both ways. */
  readonly directMethods: ReadonlyMap<string, DirectMethod>;
  readonly timeLimit: TimeLimit;
  readonly unaryTurns: CallTurns;
  readonly streamTurns: CallTurns;
  /** For the ends of calls: a connection that is lost ends all of its calls at once. */
  readonly endTurns: CallTurns;
  readonly unreadAnswers: UnreadAnswers;
}

/** Makes the record of every call, keeps it up to date from below, and frees it. */
export function createCallInterceptor(deps: CallInterceptorDeps): ServerInterceptor {
  const { directMethods, inflateBudget, partialMessages, records, unaryMethods } = deps;
  return ({ path, requestStream, responseStream }, nextCall) => {
    const record = records.open({
      path,
      peer: nextCall.getPeer(),
      streaming: requestStream || responseStream,
      deadlineMs: Number(nextCall.getDeadline()),
    });
    observeStatus(nextCall, record);
    endInTurn(nextCall, deps.endTurns);
    const call: Refusable = { nextCall, record, requestStream };
    recordEnd(call);
    const bound = new BoundCall(call, partialMessages, inflateBudget);
    deps.firstMessages.watch(call, () => bound.receivedBytes);
    const unary = unaryMethods.get(path);
    if (unary) return new UnaryCall(unary, call, bound, deps);
    const direct = directMethods.get(path);
    if (direct) return new StreamCall(direct, call, bound, deps);
    return new ObservedCall(call, listenerOf(call, bound, deps), responseStream, deps.timeLimit);
  };
}

/** The call itself, since only there the moment when a message was written is known. */
class ObservedCall extends ServerInterceptingCall {
  constructor(
    private readonly call: Refusable,
    listener: ServerListener,
    private readonly responseStream: boolean,
    private readonly timeLimit: TimeLimit,
  ) {
    super(call.nextCall, { start: (next) => next(listener) });
  }

  override startRead() {
    if (this.call.requestStream) this.call.record.inbox.whenOpen(() => super.startRead());
    else super.startRead();
  }

  override sendMessage(message: unknown, callback: () => void) {
    // grpc-js has answered by itself: what comes now would be written after the end, and break the stream.
    const { record } = this.call;
    if (record.status !== undefined) return;
    if (!this.responseStream) this.limitAnswer();
    super.sendMessage(message, () => {
      record.messagesOut++;
      if (this.responseStream) record.outbox.written();
      callback();
    });
  }

  /** The call has its one answer: a client that does not read it in the time of a unary call is left. */
  private limitAnswer(): void {
    const { nextCall, record } = this.call;
    record.onAbort = () => resetStream(nextCall);
    this.timeLimit.add(record);
  }
}

/** grpc-js sends some statuses from within, past every interceptor; all of them go through this method. */
function observeStatus(call: NextCall, record: CallRecord) {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (status) => {
    const told = presentable(status as WireStatus);
    const stalled = record.status === undefined && record.waitingOut > 0;
    record.status ??= { code: told.code, details: told.details };
    send(told);
    releaseStream(call);
    // The call is over, its deadline for example, and still holds what its client does not read.
    if (stalled) setTimeout(() => resetStream(call), STALLED_GRACE_MS).unref();
  };
}

function listenerOf(call: Refusable, bound: BoundCall, deps: CallInterceptorDeps): ServerListener {
  const { record, requestStream, nextCall } = call;
  // Others have one message, which is read at once: nothing of them waits in a window.
  const sent = requestStream ? deps.windows.callBegan(sessionOf(nextCall)) : () => undefined;
  return new ServerListenerBuilder()
    .withOnReceiveMetadata((metadata, next) => {
      if (refusesMetadata(call, metadata, deps.maxMetadataSize)) return;
      metadata.set(CALL_KEY, deps.records.keyOf(record));
      next(metadata);
    })
    .withOnReceiveMessage((message, next) => {
      record.messagesIn++;
      if (requestStream) record.inbox.arrived(requestSize(message));
      next(message);
    })
    .withOnReceiveHalfClose((next) => {
      sent();
      const end = () => void (refusesPartialMessage(call, bound) || next());
      // Only a client's stream can be mistaken for complete: one message either came or did not.
      if (requestStream) holdHalfClose(nextCall, end);
      else end();
    })
    .withOnCancel(() => {
      sent();
      bound.over();
      deps.timeLimit.delete(record);
      deps.records.closed(record);
    })
    .build();
}

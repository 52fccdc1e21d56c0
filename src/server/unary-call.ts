import { Metadata, ServerInterceptingCall, status as Status, type ServerInterceptor } from '@grpc/grpc-js';
import type { CallRecord } from '../middleware/call-record.js';
import type { CallRecords } from '../middleware/call-records.js';
import { CALLER_HEADER, callerOf } from '../middleware/caller.js';
import type { TimeLimit } from '../middleware/deadline.js';
import { toClientError } from '../middleware/error-mapping.js';
import { type Codec, decodeRequest, encodeResponse, requestSize } from '../middleware/request-codec.js';
import { REQUEST_ID_HEADER, requestIdOf } from '../middleware/request-id.js';
import { isStreamClosed, resetStream, turnKeyOf } from './base-call.js';
import type { BoundCall } from './bound-partial-message.js';
import type { CallTurns } from './call-turns.js';
import { holdHalfClose } from './hold-half-close.js';
import { refusesMetadata, refusesPartialMessage, type Refusable } from './refusals.js';
import { UnaryContext } from './unary-context.js';
import type { UnreadAnswers } from './unread-answers.js';
import { detach } from '../streams/detach.js';
import { withDetails } from './wire-status.js';

type NextCall = Parameters<ServerInterceptor>[1];
type Listener = Parameters<NextCall['start']>[0];

/** A method with one request and one answer, as a service has it. */
export interface UnaryMethod {
  readonly codec: Codec;
  handle(request: never, context: UnaryContext): Promise<unknown>;
}

export interface UnaryCallDeps {
  readonly records: CallRecords;
  readonly timeLimit: TimeLimit;
  readonly unaryTurns: CallTurns;
  readonly unreadAnswers: UnreadAnswers;
  /** In bytes. */
  readonly maxMetadataSize: number;
}

/**
 * Answers a unary call right above grpc-js's innermost call: the handlers of grpc-js, and the generators of nice-grpc
 * and its middleware, cost more than all that is done for such a call. What the middleware does for other calls is done
 * here with the same functions.
 */
export class UnaryCall extends ServerInterceptingCall implements Listener {
  private metadata: Metadata | undefined = undefined;
  private request: unknown = undefined;
  private leaveTurns: (() => void) | undefined = undefined;

  constructor(
    private readonly method: UnaryMethod,
    private readonly call: Refusable,
    private readonly bound: BoundCall,
    private readonly deps: UnaryCallDeps,
  ) {
    super(call.nextCall);
  }

  /** The listener of grpc-js's own handler is not used: that handler never hears of the call. */
  override start(_listener: Listener): void {
    this.call.nextCall.start(this);
  }

  onReceiveMetadata(metadata: Metadata): void {
    const { nextCall, record } = this.call;
    this.metadata = metadata;
    if (refusesMetadata(this.call, metadata, this.deps.maxMetadataSize)) return;
    // From the beginning: a client may send its request slowly, or never.
    this.deps.timeLimit.add(record);
    record.onAbort ??= (reason) => this.fail(reason);
    nextCall.startRead();
  }

  onReceiveMessage(message: unknown): void {
    this.call.record.messagesIn++;
    if (this.request !== undefined) return this.refuse('Received a second request message');
    this.request = message;
    this.call.nextCall.startRead();
  }

  onReceiveHalfClose(): void {
    if (refusesPartialMessage(this.call, this.bound)) return;
    // A connection that is lost looks like a half-close as well.
    if (this.request === undefined) {
      return holdHalfClose(this.call.nextCall, () => this.refuse('Received no request message'));
    }
    const { nextCall } = this.call;
    this.leaveTurns = this.deps.unaryTurns.enter(turnKeyOf(nextCall), requestSize(this.request), () =>
      detach(this.answer(this.metadata ?? new Metadata())),
    );
  }

  onCancel(): void {
    this.bound.over();
    this.leaveTurns?.();
    this.deps.timeLimit.delete(this.call.record);
    this.deps.records.closed(this.call.record);
  }

  private refuse(details: string): void {
    this.call.nextCall.sendStatus({ code: Status.UNIMPLEMENTED, details });
  }

  private async answer(metadata: Metadata): Promise<void> {
    const { records } = this.deps;
    const { nextCall, record } = this.call;
    // The client has left meanwhile.
    if (isStreamClosed(nextCall)) return;
    if (record.status !== undefined || !records.enter(record)) return;
    record.requestId = requestIdOf(metadata.get(REQUEST_ID_HEADER)[0]?.toString());
    try {
      await this.handle(metadata);
    } catch (error) {
      this.fail(error);
    } finally {
      // The time limit holds for the answer too: a client that does not read it is left.
      record.onAbort = () => resetStream(nextCall);
      records.left(record);
    }
  }

  private async handle(metadata: Metadata): Promise<void> {
    const { method } = this;
    const { record } = this.call;
    if (record.abortReason) throw record.abortReason;
    record.caller = callerOf(metadata.get(CALLER_HEADER));
    const context = new UnaryContext(record, metadata);
    const request = decodeRequest(method.codec, this.request, record);
    const response = await unlessAborted(record, method.handle(request as never, context));
    this.send(encodeResponse(method.codec, response, record), context);
  }

  private send(message: unknown, context: UnaryContext): void {
    const { nextCall, record } = this.call;
    // grpc-js has answered by itself, at the deadline for example.
    if (record.status !== undefined) return;
    this.sendHeader(context);
    const written = this.deps.unreadAnswers.add(nextCall, record.bytesOut);
    nextCall.sendMessage(message, () => {
      record.messagesOut++;
      written();
    });
    // A message that is too large has had its status.
    if (record.status === undefined) nextCall.sendStatus({ ...OK, metadata: context.wireTrailer() });
  }

  private sendHeader(context?: UnaryContext): void {
    const header = new Metadata();
    header.set(REQUEST_ID_HEADER, this.call.record.requestId);
    context?.addHeader(header);
    this.call.nextCall.sendMetadata(header);
  }

  private fail(error: unknown): void {
    const { nextCall, record } = this.call;
    const told = toClientError(error, record);
    if (record.status !== undefined) return;
    this.sendHeader();
    if (told) nextCall.sendStatus(withDetails(told.code, told.details, told.extra));
    else nextCall.sendStatus({ code: Status.CANCELLED, details: 'The operation was cancelled' });
  }
}

const OK = { code: Status.OK, details: 'OK' } as const;

/** What comes of `work`, or the reason why its call was aborted, if that comes first. */
function unlessAborted<T>(record: CallRecord, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    record.onAbort = reject;
    work.then(resolve, reject);
  });
}
